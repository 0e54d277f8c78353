"""What each plan sounds like alone, on servers that nothing disturbs."""

import random

from benchmarks.chaos import http_clients, socket_clients
from benchmarks.chaos.outcomes import Outcome
from benchmarks.chaos.plans import Plan
from benchmarks.chaos.site import Site


async def references_of(plans: list[Plan], site: Site) -> dict[str, dict[str, bytes]]:
    """One session after the other."""
    found = {}
    for plan in plans:
        outcome = await alone(plan, site.nodes_with(plan.engine)[0].base_url)
        incomplete = [name for name, stream in outcome.streams.items() if not stream.is_complete or not stream.audio]
        assert not incomplete, f"{plan.name}, alone, is not heard whole: {outcome}"
        found[plan.name] = {name: bytes(stream.audio) for name, stream in outcome.streams.items()}
    every = [audio for streams in found.values() for audio in streams.values()]
    assert len(every) == len(set(every)), "two streams sound alike: foreign audio would not be noticed"
    return found


async def alone(plan: Plan, base_url: str) -> Outcome:
    random_ = random.Random(plan.name)
    match plan.kind:
        case "native" | "paced":
            return await socket_clients.native(base_url, plan, random_)
        case "elevenlabs":
            return await socket_clients.elevenlabs(base_url, plan, random_)
        case "typed":
            return await socket_clients.typed(base_url, plan, random_)
        case "contexts":
            return await socket_clients.contexts(base_url, plan, random_, interrupts=False)
        case "timestamps":
            return await http_clients.timestamps(base_url, plan, random_)
    return await http_clients.whole(base_url, plan, random_)
