/**
 * The order of what is durable and what is public, broken in the simulated driver: it follows the same effects
 * as the daemon, on a disk that forgets.
 */
import { type Mutant, one } from './types.ts'

const NODE = 'test/sim/node.ts'

export const durabilityMutants: readonly Mutant[] = [
  one(
    'vote-published-before-the-fsync',
    NODE,
    "    this.disk.write({ type: 'vote', vote, facts })\n    if (this.#crashes()) return\n",
    "    this.#world.signed(vote, this.#voted(vote))\n    this.#world.broadcast({ type: 'vote', vote })\n    this.disk.write({ type: 'vote', vote, facts })\n    if (this.#crashes()) return\n"
  ),
  one(
    'vote-never-synced',
    NODE,
    '    if (this.#crashes()) return\n    this.disk.sync()\n    if (this.#crashes()) return\n    this.#world.signed',
    '    if (this.#crashes()) return\n    this.#world.signed'
  ),
  one(
    'vote-stored-without-its-facts',
    NODE,
    "this.disk.write({ type: 'vote', vote, facts })",
    "this.disk.write({ type: 'vote', vote, facts: { ...facts, notar: null, skip: false, final: null } })"
  ),
  one('own-block-signed-again', NODE, 'let [block] = this.#own(slot)', 'let [block] = this.#own(-slot)'),
  one(
    'own-block-not-synced',
    NODE,
    "      this.disk.write({ type: 'block', block })\n      this.disk.sync()\n    }\n    if (this.#crashes()) return\n    this.#world.proposed",
    "      this.disk.write({ type: 'block', block })\n    }\n    this.#world.proposed"
  ),
  one(
    'final-told-before-it-is-durable',
    NODE,
    '    if (this.#crashes()) return\n    this.disk.sync()\n    for (const block of whole)',
    '    for (const block of whole)'
  ),
  one(
    'final-stored-without-ancestors',
    NODE,
    "this.disk.write({ type: 'final', blocks: whole, certificate })",
    "this.disk.write({ type: 'final', blocks: whole.slice(-1), certificate })"
  )
]
