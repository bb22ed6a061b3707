/**
 * What peers are called. A trainer's registration is signed and on the ledger; whoever stands in the
 * genesis never registered, so a peer also says its label when it greets: as the comment behind its
 * agent, `gradmesh/0.1.0 (attic)`. Hearsay by strangers, good for showing and for nothing else.
 */
import { cleanLabel, remember } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import type { Held } from '../holding.ts'

const LABELS_MAX = 1024

/** What a peer of this release and label greets with. */
export const agentWith = (agent: string, label: string): string => {
  const clean = cleanLabel(label)
  return clean === '' ? agent : `${agent} (${clean})`
}

export class Labels {
  /** The oldest first. */
  readonly #byKey = new Map<PeerKey, string>()

  heard(key: PeerKey, agent: string): void {
    this.put(key, /^[^ ]* \((.*)\)$/su.exec(agent)?.[1] ?? '')
  }

  put(key: PeerKey, label: string): void {
    const clean = cleanLabel(label)
    if (clean === '') this.#byKey.delete(key)
    else remember(this.#byKey, key, clean, LABELS_MAX)
  }

  held(): readonly Held[] {
    return [{ what: 'labels', entries: this.#byKey.size, max: LABELS_MAX }]
  }

  of(key: PeerKey): string | null {
    return this.#byKey.get(key) ?? null
  }
}
