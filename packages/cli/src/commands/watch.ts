import type { Status, StreamEvent } from '@gradmesh/api'
import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { milliseconds, percent, shortKey } from '../format.ts'
import type { Io } from '../io.ts'
import { urlOption } from '../settings.ts'
import { statusText } from './status.ts'

const EVENTS_SHOWN = 8

export const command: Command = {
  name: 'watch',
  about:
    'On a terminal the picture is drawn over itself; elsewhere, or with --json, every event is one line.',
  options: urlOption,
  examples: ['gradmesh watch', 'gradmesh watch --url http://127.0.0.1:4181 --json'],
  async run({ values, io }) {
    const url = values.text('url') ?? ''
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
    const show = io.json ? asJson(io) : io.live && process.stdout.isTTY ? asPicture(io, url) : asLines(io)
    for await (const { event } of (await clientOf(values)).events({ signal: stop.signal })) show(event)
    return EXIT.ok
  }
}

type Show = (event: StreamEvent) => void

const asJson =
  (io: Io): Show =>
  event =>
    io.print(JSON.stringify(event))

const asLines =
  (io: Io): Show =>
  event => {
    const line = lineOf(event)
    if (line !== null) io.print(line)
  }

/** The status with the newest events under it, from the top left corner of the terminal. */
const asPicture = (io: Io, url: string): Show => {
  const recent: string[] = []
  let status: Status | undefined
  return event => {
    if (event.type === 'status') status = event.status
    const line = lineOf(event)
    if (line !== null) recent.push(line)
    recent.splice(0, Math.max(0, recent.length - EVENTS_SHOWN))
    if (status === undefined) return
    const width = io.columns() - 1
    const lines = [`${url}   (Ctrl-C leaves)`, '', ...statusText(status).split('\n'), '', ...recent]
    io.draw(`\u001b[H\u001b[2J${lines.map(each => each.slice(0, width)).join('\n')}\n`)
  }
}

const lineOf = (event: StreamEvent): string | null => {
  switch (event.type) {
    case 'round':
      return `round ${event.round} closed at height ${event.height}: ${event.deltas} deltas, ${event.samples} samples, loss ${event.loss?.toFixed(4) ?? '-'}, score ${percent(event.score)}`
    case 'final':
      return `block ${event.height} is final after ${milliseconds(event.finalityMs)}`
    case 'peer':
      return `peer ${shortKey(event.key)} ${event.change}`
    case 'delta':
      return event.own
        ? `own delta of round ${event.round}: ${event.outcome}${event.code === null ? '' : ` (${event.code})`}`
        : null
    case 'phase':
      return `${event.before} -> ${event.phase}${event.reason === null ? '' : `: ${event.reason}`}`
    case 'gap':
      return 'some events were missed'
    case 'status':
      return null
  }
}
