#!/bin/bash
# Before the stack in containers is built and started: exits with 1 when a port that it publishes is
# taken by another program, and names the setting. Needs docker and bash only.
set -euo pipefail
status=0

check() { # service, and the setting of its port
  [[ -n $(docker compose ps --quiet --status running "$1") ]] && return # it is ours
  port=$(docker compose config "$1" | sed -n 's/^ *published: "\([0-9]*\)"$/\1/p')
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
  echo "assay: port $port of $1 is taken (by make demo?); set $2 to a free one in .env" >&2
  status=1
}

check airflow-api-server ASSAY_AIRFLOW_PORT
check spark-master ASSAY_SPARK_PORT
docker compose config --services | grep -qx gateway && check gateway ASSAY_GATEWAY_PORT
exit $status
