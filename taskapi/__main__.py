"""`python -m claynet.taskapi MODULE:OBJECT requestor|provider PORT`: serves an app. Knows nothing but the entrypoint."""

from claynet.taskapi.entrypoint import main_by_name

if __name__ == "__main__":
    raise SystemExit(main_by_name())
