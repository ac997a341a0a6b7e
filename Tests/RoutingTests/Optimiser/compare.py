"""Holds the planner's answers against a mixed-integer program solved by HiGHS.

usage: compare.py FOLDER     the *.json that OptimiserCases wrote

Knows only the published numbers. For each case it recomputes the winner's score in whole numbers and
checks that the plan keeps to every limit; then it solves the same question as a mixed-integer
program. A proven winner must score what the optimiser finds, to the point; one that is not proven must lie
within its stated gap. Ends with 0 when all agree, 1 when one does not or there is no case.
"""

import json
import pathlib
import sys
import time

import numpy
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

SECONDS_MAX = 60
# What a solver in floating point may be off by.
SLACK = 1e-6


class Program:
    """A mixed-integer program that grows."""

    def __init__(self):
        self.costs, self.upper, self.whole = [], [], []
        self.rows, self.columns, self.values = [], [], []
        self.low, self.high = [], []

    def variable(self, cost=0, upper=numpy.inf, whole=True):
        self.costs.append(cost)
        self.upper.append(upper)
        self.whole.append(1 if whole else 0)
        return len(self.costs) - 1

    def constrain(self, terms, low=-numpy.inf, high=numpy.inf):
        for column, value in terms:
            self.rows.append(len(self.low))
            self.columns.append(column)
            self.values.append(value)
        self.low.append(low)
        self.high.append(high)

    def solve(self):
        shape = (len(self.low), len(self.costs))
        matrix = coo_array((self.values, (self.rows, self.columns)), shape=shape).tocsr()
        return milp(
            numpy.array(self.costs, dtype=float),
            integrality=numpy.array(self.whole),
            bounds=Bounds(numpy.zeros(shape[1]), numpy.array(self.upper, dtype=float)),
            constraints=LinearConstraint(matrix, self.low, self.high),
            options={"time_limit": SECONDS_MAX, "mip_rel_gap": 0},
        )


def build(case):
    """The program of a case, and its variables: [(node, offer, chosen, units by line)]."""
    program = Program()
    lines = range(len(case["quantities"]))
    parts, served = [], [[] for _ in lines]
    last = program.variable(cost=case["pointsPerDay"], whole=False)
    for node in case["nodes"]:
        chosen_here, taken = [], [[] for _ in lines]
        for offer in node["offers"]:
            chosen = program.variable(cost=offer["points"], upper=1)
            chosen_here.append((chosen, 1))
            units = []
            for line in lines:
                wanted = case["quantities"][line]
                most = min(node["units"][line], wanted) if offer["carries"][line] else 0
                points = offer["unitPoints"][line]
                if case["linesWhole"]:
                    fits = 1 if most == wanted else 0
                    unit = program.variable(cost=points * wanted, upper=fits)
                    factor, most = wanted, fits
                else:
                    unit, factor = program.variable(cost=points, upper=most), 1
                units.append((unit, factor))
                served[line].append((unit, factor))
                taken[line].append((unit, factor))
                program.constrain([(unit, 1), (chosen, -most)], high=0)
            if offer.get("room") is not None:
                program.constrain(units + [(chosen, -offer["room"])], high=0)
            program.constrain([(last, 1), (chosen, -offer["days"])], low=0)
            parts.append((node, offer, chosen, units))
        if chosen_here:
            program.constrain(chosen_here, high=1)
        for line in lines:
            if not taken[line]:
                continue
            program.constrain(taken[line], high=node["units"][line])
            if case["pointsPerScarceUnit"]:
                scarce = program.variable(cost=case["pointsPerScarceUnit"], whole=False)
                program.constrain(taken[line] + [(scarce, -1)], high=node["calm"][line])
    for line in lines:
        program.constrain(
            served[line], low=case["quantities"][line], high=case["quantities"][line]
        )
    if case.get("shipmentsMax") is not None:
        program.constrain([(part[2], 1) for part in parts], high=case["shipmentsMax"])
    return program, parts


def score(case, shipments):
    """The points of a plan [(node, offer, units by line)], in whole numbers; an error as text."""
    total, days, sums = 0, 0, [0] * len(case["quantities"])
    if len({node["node"] for node, _, _ in shipments}) != len(shipments):
        return "a node sends twice"
    if case.get("shipmentsMax") is not None and len(shipments) > case["shipmentsMax"]:
        return "too many shipments"
    for node, offer, units in shipments:
        if sum(units) == 0:
            return "an empty shipment"
        if offer.get("room") is not None and sum(units) > offer["room"]:
            return "more units than there is room for"
        total += offer["points"]
        days = max(days, offer["days"])
        for line, count in enumerate(units):
            if count > (node["units"][line] if offer["carries"][line] else 0):
                return "more units than there are"
            if case["linesWhole"] and count not in (0, case["quantities"][line]):
                return "a line in parts"
            total += offer["unitPoints"][line] * count
            total += case["pointsPerScarceUnit"] * max(0, count - node["calm"][line])
            sums[line] += count
    if sums != case["quantities"]:
        return "not what was asked for"
    return total + case["pointsPerDay"] * days


def winner(case):
    nodes = {node["node"]: node for node in case["nodes"]}
    shipments = []
    for shipment in case["winner"]:
        node = nodes[shipment["node"]]
        offer = next(
            offer
            for offer in node["offers"]
            if (offer["service"], offer["slot"]) == (shipment["service"], shipment["slot"])
        )
        shipments.append((node, offer, shipment["units"]))
    return shipments


def solved(parts, values):
    """The optimiser's plan in whole numbers."""
    shipments = []
    for node, offer, chosen, units in parts:
        if round(values[chosen]) == 1:
            counts = [round(values[unit]) * factor for unit, factor in units]
            if any(counts):
                shipments.append((node, offer, counts))
    return shipments


def judge(case):
    """What is wrong with the answer, or None; and whether the optimiser came to an end."""
    if case.get("winner") is not None:
        ours = score(case, winner(case))
        if ours != case["score"]:
            return f"the winner scores {ours}, not {case['score']}", True
        if case["isOptimal"] and case["bound"] != case["score"]:
            return "optimal, but the bound is another", True
    program, parts = build(case)
    result = program.solve()
    if result.status == 2:
        return ("a plan where the optimiser finds none" if case.get("winner") else None), True
    if case.get("winner") is None:
        if result.x is None:
            return None, False
        return ("no plan, but the optimiser finds one" if case["isOptimal"] else None), True
    if result.x is not None:
        theirs = score(case, solved(parts, result.x))
        if isinstance(theirs, str):
            return f"the optimiser's own plan: {theirs}", False
        if case["bound"] > theirs:
            return f"bound {case['bound']}, but the optimiser has a plan of {theirs}", True
    lowest = result.mip_dual_bound
    if lowest is not None and case["score"] < lowest - SLACK * max(1, abs(lowest)) - 0.5:
        return f"score {case['score']} below the optimiser's bound {lowest}", True
    return None, result.status == 0


def main():
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
    failed, unproven, unfinished, seconds = 0, 0, 0, 0.0
    for file in files:
        case = json.loads(file.read_text())
        began = time.monotonic()
        problem, ended = judge(case)
        seconds += time.monotonic() - began
        if not case["isOptimal"]:
            unproven += 1
            gap = (case["score"] - case["bound"]) / max(1, case["score"])
            print(f"{file.stem}: not proven, gap {100 * gap:.2f} % after {case['steps']} steps")
        if not ended:
            unfinished += 1
            print(f"{file.stem}: the optimiser did not come to an end; held against its bounds")
        if problem:
            failed += 1
            print(f"{file.stem}: {problem}")
    print(
        f"{len(files)} cases, {unproven} not proven by the planner, {unfinished} not by the"
        f" optimiser, {seconds:.0f} s of the optimiser"
    )
    print(f"{len(files) - failed} passed, {failed} failed")
    return 0 if files and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
