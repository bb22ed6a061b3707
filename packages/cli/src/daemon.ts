/** A peer in the foreground: from its start to a signal, the end of its parent, or its failure. */
import { createClient } from '@gradmesh/api'
import type { MeshError } from '@gradmesh/core'
import { dashboardFiles } from '@gradmesh/dashboard'
import type { Reachability } from '@gradmesh/net'
import { type NodeOptions, type Outcome, type Peer, startPeer } from '@gradmesh/peer'
import { tokenIn } from './client.ts'
import { followProgress, type StatusSource } from './daemon-progress.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { tellFailure } from './failures.ts'
import { shortKey } from './format.ts'
import { bold, type Io } from './io.ts'
import type { LiveLine } from './live-line.ts'

/** After a signal everything is closed within this time, or the process ends without. */
const STOP_MS_MAX = 1300

type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface DaemonInit {
  readonly options: NodeOptions
  readonly line: LiveLine
  /** Progress is not shown to who asked for less than the log's `info`. */
  readonly isQuiet: boolean
  readonly debug: boolean
  readonly flush: () => void
  /** Called with the seconds since the process began when the mesh accepts the peer's first delta. */
  readonly onFirstAccepted?: (seconds: number) => void
}

/** What a parent process hears over the channel that it opened. */
export interface ReadyMessage {
  readonly type: 'ready'
  readonly url: string
}

export const runDaemon = async ({
  options,
  line,
  isQuiet,
  debug,
  flush,
  onFirstAccepted
}: DaemonInit): Promise<number> => {
  const { io } = line
  const left = new AbortController()
  const asked = askedToStop(left.signal)
  const onOpen = (view: StatusSource): void => {
    if (!isQuiet) followProgress(view, line, left.signal)
  }
  // What no part has caught is a defect. The log keeps its stack: it may not come again.
  process.on('uncaughtException', thrown => {
    options.logger.error({ error: thrown, told: true }, 'a defect ends the peer')
    flush()
    process.exit(exitCodeOf(tellFailure(thrown, io, debug).code))
  })
  // Once, and before anything is closed: what hangs then must not swallow it.
  let failure: MeshError | undefined
  const tell = (error: unknown): void => {
    failure ??= tellFailure(error, io, debug)
  }
  const starting = startPeer({ ...options, onOpen, onFailure: tell }, dashboardFiles(), reachability =>
    tellReachability(reachability, io)
  )
  try {
    const first = await Promise.race([starting, asked])
    if (typeof first !== 'string') {
      greet(first, options, io)
      if (onFirstAccepted !== undefined)
        tellFirstAccepted(first, left.signal, onFirstAccepted).catch(error =>
          options.logger.debug({ error }, 'the first delta is not told')
        )
      const failed = first.finished.then(outcome => tellFinished(outcome, io)).then(() => asked)
      await Promise.race([asked, failed]).catch(tell)
    }
    await stopped(starting, asked, io)
  } catch (error) {
    tell(error)
  } finally {
    left.abort()
    flush()
  }
  return failure === undefined ? EXIT.ok : exitCodeOf(failure.code)
}

/** Resolves at SIGINT, SIGTERM, SIGHUP, or when the process that started this one with a channel is gone. */
const askedToStop = (released: AbortSignal): Promise<StopSignal> =>
  new Promise(resolve => {
    // Further signals change nothing: stopping is bounded by itself, and Ctrl-C may arrive twice.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal))
    process.on('disconnect', () => resolve('SIGTERM'))
    released.addEventListener('abort', () => {
      if (process.connected) process.disconnect()
    })
  })

/**
 * Resolves when all is closed. Who asks for it waits `STOP_MS_MAX`, then the signal has its way: an exit would wait for
 * the thread that is in the GPU's driver, and the driver would abort the process.
 */
const stopped = async (starting: Promise<Peer>, asked: Promise<StopSignal>, io: Io): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  void asked.then(signal => {
    if (closed) return
    timer = setTimeout(() => {
      io.note('Not everything closed in time; what is on disk is complete.')
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }, STOP_MS_MAX)
  })
  const peer = await starting.catch(() => undefined)
  await peer?.stop()
  closed = true
  clearTimeout(timer)
}

const greet = (peer: Peer, { folder }: NodeOptions, io: Io): void => {
  process.send?.({ type: 'ready', url: peer.url } satisfies ReadyMessage)
  if (io.json) {
    io.print(JSON.stringify({ ok: true, url: peer.url, key: peer.key, data: folder }))
    return
  }
  io.note(
    `Peer ${bold(peer.key.slice(0, 12), io)} runs at ${bold(peer.url, io)} (data in ${folder}). Ctrl-C stops it.`
  )
  if (peer.tokenFile !== null) io.note(`HTTP asks for the token in ${peer.tokenFile}`)
  io.note(`To let others join: gradmesh ticket --url ${reachable(peer.url)}`)
}

const tellFinished = ({ round, height, root, score }: Outcome, io: Io): void => {
  if (io.json) io.print(JSON.stringify({ event: 'finished', round, height, root, score }))
  else
    io.note(
      `The run has finished after ${round} rounds${score === null ? '' : `, score ${(100 * score).toFixed(2)} %`}. This peer goes on serving; Ctrl-C stops it.`
    )
}

const HEADINGS: Readonly<Record<Reachability['state'], string>> = {
  unknown: 'Not known yet.',
  reachable: 'Reachable.',
  relayed: 'Relayed.',
  'cut-off': 'Cut off.'
}

const tellReachability = (reachability: Reachability, io: Io): void => {
  if (io.json) {
    const seconds = Number(process.uptime().toFixed(2))
    io.print(JSON.stringify({ event: 'reachability', seconds, ...reachability }))
    return
  }
  const { state, relays, detail, remedy } = reachability
  const through = relays.length === 0 ? '' : ` (${relays.map(shortKey).join(', ')})`
  io.note(`${bold(HEADINGS[state], io)} ${detail}${through}`)
  if (remedy !== null) io.note(`  what to do: ${remedy}`)
}

const tellFirstAccepted = async (
  peer: Peer,
  signal: AbortSignal,
  tell: (seconds: number) => void
): Promise<void> => {
  const token = peer.tokenFile === null ? {} : await tokenIn(peer.tokenFile)
  for await (const { event } of createClient(peer.url, token).events({ replay: 'all', signal })) {
    if (event.type !== 'delta' || !event.own || event.outcome !== 'accepted') continue
    tell(process.uptime())
    return
  }
}

/** A peer that listens on every address is asked at one of them. */
const reachable = (url: string): string =>
  url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
