"""Questions with a name. Each is one SELECT; a parameter has a default."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Question(Struct, frozen=True):
    """What is asked, for people, and in SQL; `parameters` with their defaults."""

    name: str
    about: str
    sql: str
    parameters: Mapping[str, str] = field(default_factory=dict)


# Of a folder of many runs, most ask of the newest: see `query.NEWEST`.
NAMESPACE = {"namespace": "%"}

QUESTIONS = {
    each.name: each
    for each in (
        Question(
            "plaintext-into",
            "who can still speak plaintext to a namespace (--set namespace=pci)",
            """\
SELECT environment, client, client_plane, host, port, outcome, sum(calls) AS calls
FROM newest.calls
WHERE namespace LIKE $namespace AND outcome LIKE '%ok-plaintext%' AND NOT outside
GROUP BY ALL ORDER BY calls DESC, environment, client, client_plane, host, port, outcome""",
            NAMESPACE,
        ),
        Question(
            "plaintext-servers",
            "which ports of a namespace may accept plaintext, and what decides",
            """\
SELECT environment, namespace, workload, port, coalesce(mode, plane) AS accepts, policy, reason
FROM newest.servers
WHERE plaintext AND plane <> 'gateway' AND port IS NOT NULL AND namespace LIKE $namespace
ORDER BY ALL""",
            NAMESPACE,
        ),
        Question(
            "exceptions-ending",
            "which exceptions end within so many days (--set days=31)",
            """\
SELECT environment, kind, rule, place, owner, expires, expires - day AS days_left, findings
FROM newest.exceptions
WHERE expires - day BETWEEN 0 AND CAST($days AS INTEGER)
ORDER BY expires, environment, kind, rule, place""",
            {"days": "31"},
        ),
        Question(
            "ring-drift",
            "which environments differ from their ring, and in which object",
            """\
WITH own AS (
  SELECT e.ring, e.environment, p.kind, p.namespace, p.name, p.digest
  FROM newest.policies p JOIN newest.environments e USING (environment)
  WHERE e.ring IS NOT NULL
), usual AS (
  SELECT ring, kind, namespace, name, mode(digest) AS digest, count(*) AS having
  FROM own GROUP BY ALL
), sizes AS (SELECT ring, count(DISTINCT environment) AS size FROM own GROUP BY ring)
SELECT own.ring, own.environment, own.kind, own.namespace, own.name, 'says something else' AS how
FROM own JOIN usual ON own.ring = usual.ring AND own.kind = usual.kind AND own.name = usual.name
  AND own.namespace IS NOT DISTINCT FROM usual.namespace
WHERE own.digest <> usual.digest
UNION ALL
SELECT usual.ring, e.environment, usual.kind, usual.namespace, usual.name, 'is missing'
FROM usual JOIN sizes USING (ring)
JOIN (SELECT DISTINCT ring, environment FROM own) e USING (ring)
WHERE 2 * usual.having > sizes.size AND NOT EXISTS (
  SELECT 1 FROM own WHERE own.environment = e.environment AND own.kind = usual.kind
    AND own.name = usual.name AND own.namespace IS NOT DISTINCT FROM usual.namespace)
ORDER BY ALL""",
        ),
        Question(
            "worst",
            "which environments have most open errors and warnings",
            """\
SELECT environment, count(*) FILTER (severity = 'error') AS errors,
  count(*) FILTER (severity = 'warning') AS warnings
FROM newest.findings WHERE accepted_by IS NULL
GROUP BY environment ORDER BY errors DESC, warnings DESC, environment""",
        ),
        Question(
            "rules",
            "which rules have most open findings, and in how many environments",
            """\
SELECT rule, name, severity, count(*) AS findings, count(DISTINCT environment) AS environments
FROM newest.findings WHERE accepted_by IS NULL
GROUP BY ALL ORDER BY findings DESC, rule, severity""",
        ),
        Question(
            "broken-calls",
            "which calls fail, and by which rule",
            """\
SELECT environment, client, host, port, outcome, rule, reason, sum(calls) AS calls
FROM newest.calls WHERE verdict = 'broken'
GROUP BY ALL ORDER BY calls DESC, environment, client, host, port, outcome, rule""",
        ),
        Question(
            "undecided",
            "why calls and ports are undecided, and how many",
            """\
SELECT environment, 'calls' AS what, reason, sum(calls) AS how_many
FROM newest.calls WHERE verdict = 'unknown' GROUP BY ALL
UNION ALL
SELECT environment, 'ports', reason, count(*)
FROM newest.servers WHERE NOT decided GROUP BY ALL
ORDER BY how_many DESC, environment, what, reason""",
        ),
        Question(
            "encrypted",
            "how much of each environment's calls that work is mutual TLS",
            """\
SELECT environment, sum(calls) FILTER (outcome = 'ok-mtls') AS mutual_tls,
  sum(calls) FILTER (outcome = 'ok-plaintext') AS plaintext,
  round(100.0 * mutual_tls / nullif(mutual_tls + plaintext, 0), 1) AS percent
FROM newest.calls
GROUP BY environment ORDER BY percent NULLS FIRST, environment""",
        ),
        Question(
            "releases",
            "which release each environment has, and since when",
            """\
SELECT environment, release, alias, created, event FROM newest.ledger
QUALIFY row_number() OVER (PARTITION BY environment ORDER BY sequence DESC) = 1
ORDER BY created NULLS FIRST, environment""",
        ),
        Question(
            "trend",
            "open findings from run to run",
            """\
SELECT day, began, run, count(*) FILTER (severity = 'error') AS errors,
  count(*) FILTER (severity = 'warning') AS warnings, count(DISTINCT environment) AS environments
FROM findings WHERE accepted_by IS NULL GROUP BY day, began, run ORDER BY day, began""",
        ),
        Question(
            "gone-and-new",
            "which findings are new in the newest run, and which are gone",
            """\
WITH known AS (SELECT DISTINCT environment, day, began FROM environments
  UNION SELECT DISTINCT NULL, day, began FROM environments),
ranked AS (SELECT *, row_number() OVER own AS nth, first_value(day) OVER own AS newest_day
  FROM known WINDOW own AS (PARTITION BY environment ORDER BY day DESC, began DESC)),
days AS (SELECT DISTINCT day FROM environments ORDER BY day DESC LIMIT 2),
-- The run before the newest one of each environment; of one that is gone, its last.
chosen AS (SELECT environment, began FROM ranked WHERE (SELECT max(day) FROM days) =
    CASE nth WHEN 2 THEN newest_day END
  OR nth = 1 AND day = (SELECT min(day) FROM days) AND day < (SELECT max(day) FROM days)),
now AS (SELECT * FROM newest.findings WHERE accepted_by IS NULL AND EXISTS (FROM chosen)),
before AS (SELECT findings.* FROM findings JOIN chosen ON findings.began = chosen.began
  AND findings.environment IS NOT DISTINCT FROM chosen.environment WHERE accepted_by IS NULL)
SELECT 'new' AS what, environment, rule, message FROM now WHERE NOT EXISTS (
  SELECT 1 FROM before WHERE before.fingerprint = now.fingerprint)
UNION ALL
SELECT 'gone', environment, rule, message FROM before WHERE NOT EXISTS (
  SELECT 1 FROM now WHERE now.fingerprint = before.fingerprint)
ORDER BY ALL""",
        ),
    )
}
