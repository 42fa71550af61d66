"""The command line as a file, which a leash can run."""

from ctc.cli.main import main

if __name__ == "__main__":
    main()
