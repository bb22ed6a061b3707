/**
 * A peer's log: JSON lines in its folder, and what the user wants to see of it on standard error, where
 * --json makes it the same lines. Which level is for what: docs/HACKING.md.
 */
import { renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@gradmesh/core'
import { cannotWrite } from '@gradmesh/peer'
import {
  type DestinationStream,
  destination,
  multistream,
  pino,
  type StreamEntry,
  stdSerializers
} from 'pino'
import { dim, type Io, red, yellow } from './io.ts'
import type { LogLevel } from './settings.ts'

const LOG_BYTES_MAX = 16 << 20

export const logFile = (folder: string): string => join(folder, 'peer.log')

export interface PeerLog {
  readonly logger: Logger
  /** Everything said so far is in the file when it returns. */
  flush(): void
}

/** Who wants to see less than `info` wants no progress either. */
export const isQuiet = (level: LogLevel): boolean => level !== 'debug' && level !== 'info'

/** @throws MeshError `LOG_WRITE` */
export const openLog = (folder: string, level: LogLevel, io: Io): PeerLog => {
  const path = logFile(folder)
  try {
    rotate(path)
    const file = destination({ dest: path, sync: true })
    const streams: StreamEntry[] = [{ stream: file, level: level === 'debug' ? 'debug' : 'info' }]
    if (level !== 'silent') streams.push({ stream: io.json ? jsonStream(io) : prettyStream(io), level })
    const logger = pino(
      { base: null, level: level === 'debug' ? 'debug' : 'info', serializers: { error: stdSerializers.err } },
      multistream(streams)
    )
    return { logger, flush: () => file.flushSync() }
  } catch (cause) {
    throw cannotWrite('LOG_WRITE', path, cause)
  }
}

/** One old log is kept beside the new one. */
const rotate = (path: string): void => {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_BYTES_MAX) renameSync(path, `${path}.1`)
}

const jsonStream = (io: Io): DestinationStream => ({ write: line => io.note(line.trimEnd()) })

const NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info ', 40: 'warn ', 50: 'error' }
const PAINT: Readonly<Record<number, typeof dim>> = { 20: dim, 40: yellow, 50: red }

const prettyStream = (io: Io): DestinationStream => ({
  write(line) {
    const { level, time, msg, part, error, told, ...fields } = JSON.parse(line) as Record<string, unknown>
    // The command says it, in more words.
    if (told === true) return
    const paint = PAINT[level as number] ?? ((text: string) => text)
    const clock = new Date(time as number).toISOString().slice(11, 19)
    const extra = Object.entries(fields).map(([name, value]) => `${name}=${short(value)}`)
    const failure = messageOf(error)
    if (failure !== undefined) extra.push(failure)
    const where = part === undefined ? '' : `${part}: `
    io.note(
      `${dim(clock, io)} ${paint(NAMES[level as number] ?? '', io)} ${where}${msg} ${dim(extra.join(' '), io)}`.trimEnd()
    )
  }
})

/** Its first line: some libraries put stacks of other errors into a message. */
const messageOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message).split('\n')[0]
    : undefined

/** Keys and digests are told apart by their first letters. */
const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 12)}…` : text
}
