"""The steps of a batch that build and commit: functions of session, plan and epoch."""
