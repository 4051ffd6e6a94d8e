"""What holds for every test."""

import signal

# Whoever starts the tests in the background may have left SIGINT ignored, and then every program that they start inherits
# that, and none of them can be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
