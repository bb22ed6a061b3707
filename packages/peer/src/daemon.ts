/** The peer of a machine: its folder, its threads, its sockets, and HTTP in front. */
import { MeshError, systemClock } from '@gradmesh/core'
import type { Reachability } from '@gradmesh/net'
import { type Bandwidth, createLibp2pNet } from '@gradmesh/net/libp2p'
import { openSafety } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { type Caps, noCaps } from './caps/index.ts'
import { restoredMark } from './disk/backup.ts'
import { paths, pluginIn, readGenesis, readKey } from './disk/folder.ts'
import {
  type Access,
  createHttpServer,
  ensureToken,
  isLoopback,
  PrometheusMetrics,
  type StaticFiles
} from './http/index.ts'
import type { AnsweringTable } from './inference/answering.ts'
import type { NodeOptions } from './options.ts'
import { MeshPeer } from './peer.ts'
import type { Ports } from './ports.ts'
import type { Peer } from './running.ts'
import type { StateTable } from './state/state-table.ts'
import { checkTrust } from './sync/trust.ts'
import { LoopDelay } from './telling/loop-delay.ts'
import { viewOf } from './telling/view.ts'
import { chainTag } from './topics.ts'
import type { ComputeTable } from './training/computing.ts'
import { taskOf } from './training/task.ts'
import { startWorker } from './worker-rpc.ts'

/**
 * @param files the page to serve at `/`, from `@gradmesh/dashboard`.
 * @param onReachability told whether others can call this peer within ten seconds, and when that changes;
 * it may be told before the peer has started.
 */
export const startPeer = async (
  options: NodeOptions,
  files?: StaticFiles,
  onReachability?: (reachability: Reachability) => void
): Promise<Peer> => {
  const keys = await readKey(options.folder, {
    passphrase: options.passphrase,
    tell: message => options.logger.warn({}, message)
  })
  const { genesis, bytes } = await readGenesis(options.folder)
  if (genesis.privacy !== 'plain') {
    throw new MeshError(
      'GENESIS_UNSUPPORTED',
      'this mesh wants sealed deltas, which this release does not have',
      {
        remedy: 'Upgrade gradmesh, or join a mesh with plain deltas.'
      }
    )
  }
  const task = await taskOf(genesis, await pluginIn(options.folder, genesis))
  const metrics = new PrometheusMetrics()
  const loopDelay = new LoopDelay()
  const peer = new MeshPeer(portsOf(options, metrics, loopDelay), options, keys, genesis, bytes)
  peer.scoreName = task.scoreName
  if (onReachability !== undefined) peer.onReachability = onReachability
  peer.closers.push(async () => loopDelay.stop())
  try {
    await peer.open()
    const front = await openFront(peer, options, metrics, files)
    await peer.start()
    return {
      ...front,
      key: peer.key,
      view: peer,
      finished: peer.finished,
      ticket: () => peer.ticket(),
      stop: () => peer.stop()
    }
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== 'PEER_STOPPED') {
      const said = error instanceof MeshError ? { code: error.code, reason: error.message } : { error }
      options.logger.error({ ...said, told: true }, 'the peer could not start')
      options.onFailure?.(error)
    }
    await peer.stop()
    throw error
  }
}

const portsOf = (options: NodeOptions, metrics: PrometheusMetrics, loopDelay: LoopDelay): Ports => {
  const { folder, logger } = options
  const { safety, chain, tune } = paths(folder)
  return {
    clock: systemClock,
    metrics,
    loopDelay,
    openSafety: () => openSafety(safety),
    openDatabase: () => openLevelDb(chain, { create: true }),
    openState: onDeath => startWorker<StateTable>('state/state-worker', null, onDeath),
    openCompute(onDeath) {
      const worker = 'training/compute-worker'
      const thread = startWorker<ComputeTable & AnsweringTable>(worker, { tuneFolder: tune }, onDeath)
      return { ...thread, answering: thread.call }
    },
    openNet: (chainId, { secretKey }) =>
      createLibp2pNet({
        secretKey,
        listen: [...options.listen],
        bootstrap: [...options.bootstrap],
        announce: [...(options.announce ?? [])],
        relay: options.relay ?? 'auto',
        upnp: options.upnp ?? false,
        mdns: options.mdns,
        chainTag: chainTag(chainId),
        logger: logger.child({ part: 'net' }),
        ...bandwidthOf(options.caps),
        metrics
      }),
    restored: restoredMark(folder),
    checkTrust: (held, genesis) => checkTrust(folder, held, genesis)
  }
}

const bandwidthOf = (caps: Caps = noCaps): { bandwidth?: Bandwidth } => {
  const { uploadBytesPerSecond: upload, downloadBytesPerSecond: download } = caps
  return upload === null && download === null ? {} : { bandwidth: { upload, download } }
}

const openFront = async (
  peer: MeshPeer,
  options: NodeOptions,
  metrics: PrometheusMetrics,
  files?: StaticFiles
): Promise<{ url: string; tokenFile: string | null }> => {
  const { host, port, names } = options.http
  const { tokenFile, access } = await accessOf(options)
  const view = viewOf(peer.context, () => peer, peer.journal)
  const http = await createHttpServer({
    host,
    port,
    hostNames: names ?? [],
    view,
    metrics,
    logger: options.logger.child({ part: 'http' }),
    ...(access === undefined ? {} : { access }),
    ...(files === undefined ? {} : { files })
  })
  peer.closers.push(() => http.close())
  options.onOpen?.(view)
  return { url: http.url, tokenFile }
}

const accessOf = async ({
  folder,
  http,
  logger
}: NodeOptions): Promise<{ tokenFile: string | null; access: Access | undefined }> => {
  if (isLoopback(http.host) && (http.tokenFile ?? null) === null)
    return { tokenFile: null, access: undefined }
  const tokenFile = http.tokenFile ?? paths(folder).httpToken
  const token = await ensureToken(tokenFile, message => logger.warn({}, message))
  const openReads = http.openReads ?? false
  logger.info({ tokenFile, openReads }, 'HTTP demands the bearer token')
  return { tokenFile, access: { token, openReads } }
}
