from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streaming.engine.scheduler import PLENTY_SECONDS, SCARCE_SECONDS, Scheduler, Sequence


def scheduler(slots: int, *names: str) -> tuple[Scheduler, list[Sequence]]:
    """With these sequences, as many of them running as there are slots."""
    made, sequences = Scheduler(slots), [Sequence(name) for name in names]
    for sequence in sequences:
        made.add(sequence)
    while made.admit():
        pass
    return made, sequences


def test_a_new_one_is_idle() -> None:
    assert Scheduler(3).is_idle
    assert Scheduler(3).admit() is None
    assert Scheduler(3).turn(now=0.0) == []


def test_the_lowest_slots_are_taken_first() -> None:
    made, (first, second, third) = scheduler(4, "a", "b", "c")
    assert [first.slot, second.slot, third.slot] == [0, 1, 2]
    made.release(first)
    made.release(third)
    made.add(Sequence("d"))
    fourth = made.admit()
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
    assert made.admit() is second
    assert made.waiting == [third]


def test_one_that_waits_can_leave() -> None:
    made, (first, second, third) = scheduler(1, "a", "b", "c")
    made.release(second)
    made.release(first)
    assert made.admit() is third


def test_leaving_twice_takes_nobody_elses_slot() -> None:
    made, (first, second) = scheduler(1, "a", "b")
    made.release(first)
    made.admit()
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
    made, sequences = scheduler(2, "a", "b")
    made.produced(sequences[0], PLENTY_SECONDS + 1, now=0.0)
    made.produced(sequences[1], SCARCE_SECONDS + 0.1, now=0.0)
    assert made.turn(now=0.0) == sequences


def test_who_has_plenty_yields_to_one_who_starves() -> None:
    made, (rich, middling, poor) = scheduler(3, "a", "b", "c")
    made.produced(rich, PLENTY_SECONDS + 1, now=0.0)
    made.produced(middling, PLENTY_SECONDS - 0.5, now=0.0)
    made.produced(poor, SCARCE_SECONDS - 0.1, now=0.0)
    assert made.turn(now=0.0) == [middling, poor]


def test_who_has_plenty_yields_to_one_without_any_audio() -> None:
    made, (rich, new) = scheduler(2, "a", "b")
    made.produced(rich, PLENTY_SECONDS + 1, now=0.0)
    assert made.turn(now=0.0) == [new]
    assert made.turn(now=2.0) == [rich, new]


class Life(RuleBasedStateMachine):
    """Anything that can happen, in any order, against a plain list of who came when."""

    @initialize(slots=st.integers(1, 5))
    def begin(self, slots: int) -> None:
        self.slots = slots
        self.scheduler = Scheduler(slots)
        self.now = 0.0
        self.expected: list[Sequence] = []
        self.gone: list[Sequence] = []
        self.admitted: list[Sequence] = []

    @rule(name=st.sampled_from("abc"))
    def add(self, name: str) -> None:
        sequence = Sequence(name)
        self.scheduler.add(sequence)
        self.expected.append(sequence)

    @rule()
    def admit(self) -> None:
        waiting = [sequence for sequence in self.expected if sequence not in self.admitted]
        is_full = len(self.expected) - len(waiting) == self.slots
        sequence = self.scheduler.admit()
        if not waiting or is_full:
            assert sequence is None
        else:
            assert sequence is waiting[0]
            self.admitted.append(sequence)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(self.expected))
        self.scheduler.release(sequence)
        self.expected.remove(sequence)
        self.gone.append(sequence)

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
        running = [sequence for sequence in self.expected if sequence in self.admitted]
        waiting = [sequence for sequence in self.expected if sequence not in self.admitted]
        assert set(self.scheduler.running) == set(running)
        assert self.scheduler.waiting == waiting
        assert self.scheduler.is_idle == (not self.expected)

    @invariant()
    def a_slot_has_one_owner(self) -> None:
        slots = [sequence.slot for sequence in self.scheduler.running]
        assert slots == sorted({slot for slot in slots if slot is not None})
        assert set(slots) <= set(range(self.slots))
        assert all(sequence.slot is None for sequence in (*self.scheduler.waiting, *self.gone))

    @invariant()
    def somebody_goes_on(self) -> None:
        running, turn = self.scheduler.running, self.scheduler.turn(now=self.now)
        assert [sequence for sequence in running if sequence in turn] == turn
        assert bool(turn) == bool(running)

    @invariant()
    def only_who_has_plenty_yields_and_only_to_one_who_starves(self) -> None:
        turn = self.scheduler.turn(now=self.now)
        resting = [sequence for sequence in self.scheduler.running if sequence not in turn]
        assert all(sequence.lead(self.now) >= PLENTY_SECONDS for sequence in resting)
        if resting:
            assert min(sequence.lead(self.now) for sequence in turn) < SCARCE_SECONDS

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for sequence in self.expected:
            self.scheduler.release(sequence)
        assert self.scheduler.is_idle
        again = [Sequence(str(number)) for number in range(self.slots)]
        for sequence in again:
            self.scheduler.add(sequence)
        assert [self.scheduler.admit() for _ in again] == again


TestLife = Life.TestCase
