import type { Client, StreamEvent } from '@gradmesh/api'
import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { milliseconds, percent, shortKey } from '../format.ts'
import type { Io } from '../io.ts'
import { urlOption } from '../settings.ts'
import { Watched } from '../watch/facts.ts'
import { ENTER, frameOf, LEAVE, screen } from '../watch/screen.ts'

export const command: Command = {
  name: 'watch',
  about:
    'On a terminal the same facts as the page at `/`, drawn over themselves; elsewhere, or with --json, every event is one line.',
  options: urlOption,
  examples: ['gradmesh watch', 'gradmesh watch --url http://127.0.0.1:4181 --json'],
  async run({ values, io }) {
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
    const client = await clientOf(values)
    if (!io.json && io.live && process.stdout.isTTY)
      return picture(io, client, values.text('url') ?? '', stop.signal)
    const show = io.json ? asJson(io) : asLines(io)
    for await (const { event } of client.events({ signal: stop.signal })) show(event)
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

/** Drawn with every status, once a second, and whenever the terminal changes its size. */
const picture = async (io: Io, client: Client, url: string, signal: AbortSignal): Promise<number> => {
  const watched = new Watched()
  let before = ''
  const draw = (): void => {
    const facts = watched.facts()
    if (facts === undefined) return
    const size = { columns: io.columns(), rows: io.rows(), colour: io.colour }
    const frame = frameOf(screen(facts, `${url}  Ctrl-C leaves`, size))
    if (frame !== before) io.draw(frame)
    before = frame
  }
  io.onResize(() => {
    before = ''
    draw()
  })
  io.draw(ENTER)
  let refreshing = false
  try {
    for await (const { event } of client.events({ replay: 'all', signal })) {
      watched.heard(event)
      if (event.type !== 'status') continue
      draw()
      if (refreshing) continue
      refreshing = true
      // A table that can't be had now is asked for again with the next news.
      void watched
        .refresh(client)
        .catch(() => {})
        .then(() => {
          refreshing = false
          if (!signal.aborted) draw()
        })
    }
  } finally {
    io.draw(LEAVE)
  }
  return EXIT.ok
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
