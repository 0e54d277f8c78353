"""What attackers tried on the running server, as tests: the answer, the memory that it costs, what others wait meanwhile.

SECURITY.md names the test of each promise.
"""
