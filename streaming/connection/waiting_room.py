"""Room for those who have not said yet what they want, or who they are: bounded, and never closed to a newcomer.

When the room is full, somebody of the address that takes the most of it has to leave: the one who has waited longest. So
strangers displace each other, and whoever comes with a good reason finds a place, though strangers share its address.
"""

from collections.abc import Callable

Dismiss = Callable[[], object]


class WaitingRoom:
    """At most `most` wait at a time. `dismiss` of a guest is called when it has to leave; it has left by then."""

    def __init__(self, most: int) -> None:
        self._most = most
        # Per address in the order of their arrival.
        self._guests: dict[str, dict[object, Dismiss]] = {}
        self._addresses: dict[object, str] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def __contains__(self, guest: object) -> bool:
        return guest in self._addresses

    def enter(self, guest: object, address: str, dismiss: Dismiss) -> None:
        """A guest that is here already stays where it is."""
        if guest in self._addresses:
            return
        self._addresses[guest] = address
        self._guests.setdefault(address, {})[guest] = dismiss
        if len(self._addresses) > self._most:
            self._dismiss_one()

    def leave(self, guest: object) -> None:
        """It has found its way, or is gone. One that is not here is ignored."""
        address = self._addresses.pop(guest, None)
        if address is not None:
            guests = self._guests[address]
            del guests[guest]
            if not guests:
                del self._guests[address]

    def _dismiss_one(self) -> None:
        fullest = max(self._guests.values(), key=len)
        guest, dismiss = next(iter(fullest.items()))
        self.leave(guest)
        dismiss()
