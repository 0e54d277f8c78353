from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streaming.engine.scheduler import PLENTY_SECONDS, SCARCE_SECONDS, ScheduledRequest, Scheduler


def scheduler(slots: int, *names: str) -> tuple[Scheduler, list[ScheduledRequest]]:
    """With these requests, as many of them running as there are slots."""
    made, requests = Scheduler(slots), [ScheduledRequest(name) for name in names]
    for request in requests:
        made.add(request)
    while made.start_next():
        pass
    return made, requests


def test_a_new_one_is_idle() -> None:
    assert Scheduler(3).is_idle
    assert Scheduler(3).start_next() is None
    assert Scheduler(3).next_step(now=0.0) == []


def test_the_lowest_slots_are_taken_first() -> None:
    made, (first, second, third) = scheduler(4, "a", "b", "c")
    assert [first.slot, second.slot, third.slot] == [0, 1, 2]
    made.release(first)
    made.release(third)
    made.add(ScheduledRequest("d"))
    fourth = made.start_next()
    assert fourth is not None
    assert fourth.slot == 0


def test_who_finds_no_slot_waits() -> None:
    made, (first, second) = scheduler(1, "a", "b")
    assert made.running == [first]
    assert made.waiting == [second]
    assert list(made) == [first, second]


def test_a_freed_slot_goes_to_the_first_in_line() -> None:
    made, (first, second, third) = scheduler(1, "a", "b", "c")
    made.release(first)
    assert made.start_next() is second
    assert made.waiting == [third]


def test_one_that_waits_can_leave() -> None:
    made, (first, second, third) = scheduler(1, "a", "b", "c")
    made.release(second)
    made.release(first)
    assert made.start_next() is third


def test_leaving_twice_takes_nobody_elses_slot() -> None:
    made, (first, second) = scheduler(1, "a", "b")
    made.release(first)
    made.start_next()
    made.release(first)
    assert made.running == [second]


def test_a_namesake_is_somebody_else() -> None:
    made, (first, second) = scheduler(1, "a", "a")
    made.release(first)
    assert made.waiting == [second]


def test_the_lead_runs_out_with_time() -> None:
    made, (first,) = scheduler(1, "a")
    assert first.lead(100.0) == 0.0
    made.produced(first, 1.5, now=100.0)
    made.produced(first, 1.0, now=101.0)
    assert first.lead(101.0) == 1.5
    assert first.lead(104.0) == -1.5


def test_who_has_plenty_goes_on_while_nobody_starves() -> None:
    made, requests = scheduler(2, "a", "b")
    made.produced(requests[0], PLENTY_SECONDS + 1, now=0.0)
    made.produced(requests[1], SCARCE_SECONDS + 0.1, now=0.0)
    assert made.next_step(now=0.0) == requests


def test_who_has_plenty_yields_to_one_who_starves() -> None:
    made, (rich, middling, poor) = scheduler(3, "a", "b", "c")
    made.produced(rich, PLENTY_SECONDS + 1, now=0.0)
    made.produced(middling, PLENTY_SECONDS - 0.5, now=0.0)
    made.produced(poor, SCARCE_SECONDS - 0.1, now=0.0)
    assert made.next_step(now=0.0) == [middling, poor]


def test_who_has_plenty_yields_to_one_without_any_audio() -> None:
    made, (rich, new) = scheduler(2, "a", "b")
    made.produced(rich, PLENTY_SECONDS + 1, now=0.0)
    assert made.next_step(now=0.0) == [new]
    assert made.next_step(now=2.0) == [rich, new]


class Life(RuleBasedStateMachine):
    """Anything that can happen, in any order, against a plain list of who came when."""

    @initialize(slots=st.integers(1, 5))
    def begin(self, slots: int) -> None:
        self.slots = slots
        self.scheduler = Scheduler(slots)
        self.now = 0.0
        self.expected: list[ScheduledRequest] = []
        self.gone: list[ScheduledRequest] = []
        self.started: list[ScheduledRequest] = []

    @rule(name=st.sampled_from("abc"))
    def add(self, name: str) -> None:
        request = ScheduledRequest(name)
        self.scheduler.add(request)
        self.expected.append(request)

    @rule()
    def admit(self) -> None:
        waiting = [request for request in self.expected if request not in self.started]
        is_full = len(self.expected) - len(waiting) == self.slots
        request = self.scheduler.start_next()
        if not waiting or is_full:
            assert request is None
        else:
            assert request is waiting[0]
            self.started.append(request)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.expected))
        self.scheduler.release(request)
        self.expected.remove(request)
        self.gone.append(request)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def release_again(self, data: st.DataObject) -> None:
        self.scheduler.release(data.draw(st.sampled_from(self.gone)))

    @precondition(lambda self: self.scheduler.running)
    @rule(data=st.data(), seconds=st.floats(0.01, 4.0))
    def produce(self, data: st.DataObject, seconds: float) -> None:
        self.scheduler.produced(data.draw(st.sampled_from(self.scheduler.running)), seconds, now=self.now)

    @rule(seconds=st.floats(0.0, 3.0))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def everybody_is_there_and_nobody_else(self) -> None:
        running = [request for request in self.expected if request in self.started]
        waiting = [request for request in self.expected if request not in self.started]
        assert set(self.scheduler.running) == set(running)
        assert self.scheduler.waiting == waiting
        assert self.scheduler.is_idle == (not self.expected)

    @invariant()
    def a_slot_has_one_owner(self) -> None:
        slots = [request.slot for request in self.scheduler.running]
        assert slots == sorted({slot for slot in slots if slot is not None})
        assert set(slots) <= set(range(self.slots))
        assert all(request.slot is None for request in (*self.scheduler.waiting, *self.gone))

    @invariant()
    def somebody_goes_on(self) -> None:
        running, stepping = self.scheduler.running, self.scheduler.next_step(now=self.now)
        assert [request for request in running if request in stepping] == stepping
        assert bool(stepping) == bool(running)

    @invariant()
    def only_who_has_plenty_yields_and_only_to_one_who_starves(self) -> None:
        stepping = self.scheduler.next_step(now=self.now)
        resting = [request for request in self.scheduler.running if request not in stepping]
        assert all(request.lead(self.now) >= PLENTY_SECONDS for request in resting)
        if resting:
            assert min(request.lead(self.now) for request in stepping) < SCARCE_SECONDS

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for request in self.expected:
            self.scheduler.release(request)
        assert self.scheduler.is_idle
        again = [ScheduledRequest(str(number)) for number in range(self.slots)]
        for request in again:
            self.scheduler.add(request)
        assert [self.scheduler.start_next() for _ in again] == again


TestLife = Life.TestCase
