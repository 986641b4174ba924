"""Resolves exported rooms with the matrix-synapse library and reports where it disagrees with us.

Reads the JSON lines of export-rooms.ts from standard input. Compares three answers: the ids of events, whether each
event passes the auth rules against the auth events it cites, and the state that each meeting of states resolves to.
With --tell it compares nothing and answers each line with the state that the line's `sets` resolve to.
"""

import argparse
import collections
import json
import sys

from synapse.api.errors import SynapseError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS, StateResolutionVersions
from synapse.event_auth import check_state_dependent_auth_rules
from synapse.events import make_event_from_dict
from synapse.state import v1, v2
from synapse.storage.databases.main.event_federation import StateDifference


class StillClock:
    """Lets the library pause without waiting."""

    async def sleep(self, duration):
        return None


class Room:
    """The events of one room, offered to the library as its store."""

    def __init__(self, line, chains):
        self.version = KNOWN_ROOM_VERSIONS[line["version"]]
        self.room_id = line["room_id"]
        self.count_own = chains == "library"
        rejected = set(line["rejected"])
        self.events = {}
        self.wrong_ids = []
        for entry in line["events"]:
            reason = "rejected" if entry["id"] in rejected else None
            event = make_event_from_dict(entry["pdu"], self.version, rejected_reason=reason)
            if event.event_id != entry["id"]:
                self.wrong_ids.append((entry["id"], event.event_id))
            self.events[entry["id"]] = event
        self.chains = {}

    def key(self, event_id):
        event = self.events[event_id]
        return (event.type, event.state_key)

    def as_state(self, ids):
        return {self.key(event_id): event_id for event_id in ids}

    def chain(self, event_id):
        """All that an event rests on, without itself."""
        known = self.chains.get(event_id)
        if known is None:
            known = set()
            for auth_id in self.events[event_id].auth_event_ids():
                known.add(auth_id)
                known |= self.chain(auth_id)
            self.chains[event_id] = known
        return known

    async def get_events(self, event_ids, allow_rejected=False):
        found = {event_id: self.events[event_id] for event_id in event_ids if event_id in self.events}
        return {k: e for k, e in found.items() if allow_rejected or e.rejected_reason is None}

    async def get_auth_chain_difference(self, room_id, state_sets, conflicted_state, additional):
        full_chains = []
        for state_set in state_sets:
            full = set(state_set) if self.count_own else set()
            full.update(*(self.chain(event_id) for event_id in state_set))
            full_chains.append(full)
        difference = set.union(*full_chains) - set.intersection(*full_chains)
        if conflicted_state is None:
            return StateDifference(auth_difference=difference, conflicted_subgraph=None)
        subgraph = set(conflicted_state)
        for event_id in set().union(*(self.chain(end) for end in conflicted_state)):
            if not conflicted_state.isdisjoint(self.chain(event_id)):
                subgraph.add(event_id)
        return StateDifference(auth_difference=difference, conflicted_subgraph=subgraph)

    def resolve(self, state_sets):
        if self.version.state_res == StateResolutionVersions.V1:
            return finish(v1.resolve_events_with_store(self.room_id, self.version, state_sets, None, self.get_events))
        return finish(
            v2.resolve_events_with_store(StillClock(), self.room_id, self.version, state_sets, None, self)
        )

    def is_entitled(self, event_id):
        event = self.events[event_id]
        try:
            check_state_dependent_auth_rules(event, [self.events[a] for a in event.auth_event_ids()])
            return True
        except SynapseError:
            return False


def finish(coroutine):
    """Runs a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("the library waited for something")


def compare(line, chains, counts):
    room = Room(line, chains)
    counts["rooms"] += 1
    counts["events"] += len(room.events)
    for ours, theirs in room.wrong_ids:
        counts["id divergences"] += 1
        report(line, "id", {"ours": ours, "theirs": theirs})
    for entry in line["events"]:
        if room.is_entitled(entry["id"]) != entry["allowed"]:
            counts["auth divergences"] += 1
            report(line, "auth", {"id": entry["id"], "ours": entry["allowed"], "pdu": entry["pdu"]})
    for index, merge in enumerate(line["merges"]):
        counts["resolutions"] += 1
        theirs = dict(room.resolve([room.as_state(ids) for ids in merge["sets"]]))
        ours = room.as_state(merge["resolved"])
        if ours != theirs:
            counts["state divergences"] += 1
            differing = {
                "|".join(key): {"ours": ours.get(key), "theirs": theirs.get(key)}
                for key in sorted(ours.keys() | theirs.keys())
                if ours.get(key) != theirs.get(key)
            }
            report(line, "state", {"merge": index, "differing": differing})


def report(line, kind, details):
    origin = {"version": line["version"], "seed": line["seed"], "events": len(line["events"])}
    print(json.dumps({**origin, "kind": kind, **details}))


def tell(line, chains):
    room = Room(line, chains)
    try:
        resolved = list(dict(room.resolve([room.as_state(ids) for ids in line["sets"]])).values())
    except Exception:
        # It takes for granted what other checks see to, such as that every member event has a membership.
        resolved = None
    print(json.dumps(None if room.wrong_ids else resolved), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--chains",
        choices=["library", "spec"],
        default="library",
        help="whether the auth chain of a state counts the state's own events, as the library's own store does, or "
        "leaves them out, as the specification has it by the letter",
    )
    parser.add_argument("--tell", action="store_true", help="answer what states resolve to, compare nothing")
    arguments = parser.parse_args()
    sys.setrecursionlimit(100_000)
    if arguments.tell:
        for text in sys.stdin:
            tell(json.loads(text), arguments.chains)
        return
    counts = collections.Counter()
    for text in sys.stdin:
        compare(json.loads(text), arguments.chains, counts)
    print(json.dumps({"chains": arguments.chains, **counts}), file=sys.stderr)
    sys.exit(1 if any("divergences" in name for name in counts) else 0)


if __name__ == "__main__":
    main()
