"""Tests the steering on a real kernel: steer_test.py DRIVER [PART-OF-A-TEST'S-NAME...]"""

import sys

import steer_harness
import steer_isolation
import steer_lifecycle
import steer_names
import steer_packets
import steer_terminal

if __name__ == "__main__":
    sys.exit(steer_harness.main(
        [steer_packets, steer_names, steer_isolation, steer_lifecycle, steer_terminal]))
