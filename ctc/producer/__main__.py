"""`python -m ctc.producer`."""

from ctc.producer.main import main

raise SystemExit(main())
