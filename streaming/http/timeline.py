"""When each character is heard, on the clock of a whole response."""

from streaming.protocol.packet import Packet


class Timeline:
    """Takes the packets of a response in order. The times of a packet's characters are relative to the packet, and a packet
    knows where it begins in its utterance. All in whole milliseconds, so that neighbours that touch still touch."""

    def __init__(self) -> None:
        # Milliseconds of the utterances before, and seconds of the one that is being placed.
        self._before_ms = 0
        self._end = 0.0

    def place(self, packet: Packet) -> Packet:
        """The same packet with the times of its characters counted from the response's first sample."""
        if packet.start == 0:
            self._before_ms += round(self._end * 1000)
        self._end = packet.end
        return packet.shifted(self._before_ms + round(packet.start * 1000))
