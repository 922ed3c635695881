"""Does a resource keep to its profile, and which element does not?

::

    snapshot     StructureDefinition.snapshot  -> Element tree       what a profile says, as facts
    terminology  ValueSet, CodeSystem          -> Codes              which codes may stand there
    packages     packages                      -> Facts              everything reachable, compiled once
    facts        Facts <-> lines of JSON                             what is committed and cached
    schema       Element -> JSON Schema 2020-12                      says yes to most resources in microseconds
    stated       which invariants the schema states
    watch, -es   what a schema cannot say: references, codings, other invariants, resources inside, unnamed extensions
    places       where stands what was noted on the way
    suspects     which parts a schema refused
    walk         resource x profiles -> issues                       says what is wrong, and where: children, values,
                                                                     sliced, targets, codes, contained
    invariants   the rules that a structure cannot say, by name
    deviations   where a published package is known to be wrong
    check        Profiles: check(resource, profile) -> list[Issue]

Two readers of one set of facts: the schema answers whether there is anything to report, the walk answers what.
The schema may be stricter than the profile (what it refuses, the walk judges); it must never be more lenient,
and the tests hold the two against each other on every example and every mutation.
"""
