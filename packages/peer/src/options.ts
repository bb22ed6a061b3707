/** What is mine alone. What the mesh agrees on is the genesis; the two are never merged. */
import type { Status } from '@gradmesh/api'
import type { Logger } from '@gradmesh/core'
import type { RelayMode } from '@gradmesh/net'
import { type Caps, noCaps } from './caps/index.ts'

export interface NodeOptions {
  /** Holds `key`, `genesis`, `safety/` and `chain/`. */
  readonly folder: string
  readonly http: {
    readonly host: string
    readonly port: number
    /** What requests may call this peer besides `localhost` and IP addresses, such as a container's name. */
    readonly names?: readonly string[]
    /** Then the bearer token in it is demanded. On any host but loopback one always is: null takes the folder's own. */
    readonly tokenFile?: string | null
    /** Reading needs no token. */
    readonly openReads?: boolean
  }
  /** Opens a key that is sealed by one. */
  readonly passphrase?: string | undefined
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs of peers to dial first. */
  readonly bootstrap: readonly string[]
  /** Multiaddrs that others should dial, besides those that the peer finds out. */
  readonly announce?: readonly string[]
  /** Relay for members that others can't call: always, never, or (default) when others can call this peer. */
  readonly relay?: RelayMode
  /** Ask the router to forward the port. */
  readonly upnp?: boolean
  readonly mdns: boolean
  /** Name (or part of it) of the adapter to train on; null: hardware first. */
  readonly adapter: string | null
  /** Train and send deltas; a peer that does not only follows and, if it is a validator, votes. */
  readonly train: boolean
  /** Where this machine keeps the data set of the mesh's task; null for tasks that need none. */
  readonly dataset: string | null
  /** Shown to others when this peer registers as a trainer. */
  readonly label: string
  /** Final blocks that stay, with their payloads; null: all (README, "What is kept"). */
  readonly keepBlocks?: number | null
  /** How much of this machine the peer may take; all of it when left out. */
  readonly caps?: Caps
  /** Held-out accuracy is measured every so many rounds, and after the last. */
  readonly evaluateEvery: number
  readonly logger: Logger
  /** Called as soon as the peer can say how it is doing: long before it is in step with the mesh. */
  readonly onOpen?: (view: { status(): Status }) => void
  /** Called when the start fails, before what was opened is closed: that may take a while. */
  readonly onFailure?: (error: unknown) => void
}

export const keptBlocks = ({ keepBlocks }: Pick<NodeOptions, 'keepBlocks'>): number | null =>
  keepBlocks === undefined ? nodeDefaults.keepBlocks : keepBlocks

export const nodeDefaults = {
  http: { host: '127.0.0.1', port: 4180 },
  listen: ['/ip4/0.0.0.0/tcp/4190'],
  mdns: true,
  adapter: null,
  dataset: null,
  train: true,
  caps: noCaps,
  keepBlocks: 1024,
  evaluateEvery: 5
} as const
