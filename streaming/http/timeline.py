"""When each character is heard, on the clock of a whole response."""

from streaming.protocol.packet import Packet


class Timeline:
    """Takes the packets of a response in order. The times of a packet's characters are relative to the packet, and a packet
    knows where it begins in its utterance. All in whole milliseconds, so that neighbours that touch still touch."""

    def __init__(self) -> None:
        self._utterance_begins = 0.0
        self._now = 0.0

    def place(self, packet: Packet) -> Packet:
        """The same packet with the times of its characters counted from the response's first sample."""
        if packet.start == 0:
            self._utterance_begins = self._now
        self._now = self._utterance_begins + packet.start + packet.seconds
        return packet.shifted(round(self._utterance_begins * 1000) + round(packet.start * 1000))
