"""`python -m worker` is `activation-worker`."""

from worker.cli import main

if __name__ == "__main__":
    main()
