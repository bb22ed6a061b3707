/** A peer in the foreground: from its start to a signal, the end of its parent, or its failure. */
import { createClient } from '@gradmesh/api'
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
  const starting = startPeer({ ...options, onOpen }, dashboardFiles(), reachability =>
    tellReachability(reachability, io)
  )
  try {
    const peer = await Promise.race([starting, asked])
    if (peer === undefined) return await stopInTime(starting, io)
    greet(peer, options, io)
    if (onFirstAccepted !== undefined) void tellFirstAccepted(peer, left.signal, onFirstAccepted)
    const ended = peer.finished.then(
      outcome => tellFinished(outcome, io),
      error => error
    )
    const failure = await Promise.race([asked, ended.then(error => error ?? asked)])
    const code = await stopInTime(starting, io)
    if (failure === undefined) return code
    return exitCodeOf(tellFailure(failure, io, debug).code)
  } finally {
    left.abort()
    flush()
  }
}

/** Resolves at SIGINT, SIGTERM, or when the process that started this one with a channel is gone. */
const askedToStop = (released: AbortSignal): Promise<undefined> =>
  new Promise(resolve => {
    const ask = (): void => resolve(undefined)
    // Further signals change nothing: stopping is bounded by itself, and Ctrl-C may arrive twice.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
    process.on('disconnect', ask)
    released.addEventListener('abort', () => {
      if (process.connected) process.disconnect()
    })
  })

const stopInTime = async (starting: Promise<Peer>, io: Io): Promise<number> => {
  const timer = setTimeout(() => {
    io.note('Not everything closed in time; what is on disk is complete.')
    process.exit(EXIT.ok)
  }, STOP_MS_MAX)
  const peer = await starting.catch(() => undefined)
  await peer?.stop()
  clearTimeout(timer)
  return EXIT.ok
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
