#!/bin/bash
# The health check of one part of a stack in containers, by default of the one that this container
# runs: exits with 1 unless Airflow's API, or the Spark master, reports this part to be well.
# A Connect server that listens and that its master does not know, for it has restarted or given the
# application up, would never get an executor again: it is ended, and Docker starts it anew.
# Kafka is asked which requests it knows (key 18, version 0), and has to answer without an error.
# No Python: it runs twice a minute in each container.
set -euo pipefail
part=${1:-$(tr '\0' '\n' </proc/1/cmdline | tail -1)}

ask() { # address and path of a page; prints its answer on one line, without blanks
  exec 3<>"/dev/tcp/${1%:*}/${1##*:}"
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&3
  tr -d ' \r\n' <&3
}

case $part in
  gateway) answer=$(ask 127.0.0.1:8090 /health) ;;
  kafka)
    exec 3<>/dev/tcp/127.0.0.1/9092
    printf '\0\0\0\12\0\22\0\0\0\0\0\1\377\377' >&3
    answer=$(head -c 10 <&3 | od -An -v -tx1 | tr -d ' \n')
    ;;
  spark-*) answer=$(ask "$(sed -E 's|spark://(.*):[0-9]+|\1:8080|' <<<"$ASSAY_SPARK_MASTER")" /json/) ;;
  *) answer=$(ask "$ASSAY_AIRFLOW" /api/v2/monitor/health) ;;
esac
case $part in
  gateway) [[ $answer == HTTP/1.?200* ]] ;;
  kafka) [[ ${answer:8} == 000000010000 ]] ;;
  api-server) [[ $answer == HTTP/1.?200* ]] ;;
  spark-master) [[ $answer == *'"status":"ALIVE"'* ]] ;;
  spark-connect)
    (exec 3<>/dev/tcp/connect/15002)
    [[ $answer == *'"status":"ALIVE"'* ]]
    [[ ${answer%%'"completedapps"'*} == *'"name":"assay"'* ]] || { kill 1 && exit 1; }
    ;;
  # One line for each worker, of which one is on this machine.
  spark-worker) sed 's/"id":/\n&/g' <<<"$answer" | grep -q "\"host\":\"$HOSTNAME\".*\"state\":\"ALIVE\"" ;;
  *) [[ $answer == *"\"${part//-/_}\":{\"status\":\"healthy\""* ]] ;;
esac
