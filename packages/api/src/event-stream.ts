/** Reading `text/event-stream` (WHATWG HTML, 9.2): bytes in, events out; memory bounded. */
import { MeshError } from '@gradmesh/core'

export interface ServerSentEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** One event may be so long; the largest real one, a status, is under 4 KiB. */
const EVENT_CHARS_MAX = 1 << 20

/** Ends when the stream ends. An event without an end is dropped, as the standard says. */
export async function* readEventStream(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let id = ''
  let event = ''
  let data: string[] = []
  let chars = 0
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true })
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(rest)
      if (end === null) break
      const line = rest.slice(0, end.index)
      rest = rest.slice(end.index + end[0].length)
      if (line === '') {
        if (data.length > 0) yield { id, event: event === '' ? 'message' : event, data: data.join('\n') }
        event = ''
        data = []
        chars = 0
        continue
      }
      const colon = line.indexOf(':')
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
      chars += value.length
      if (name === 'data') data.push(value)
      else if (name === 'event') event = value
      else if (name === 'id') id = value
    }
    if (rest.length + chars > EVENT_CHARS_MAX)
      throw new MeshError('API_REPLY', 'the peer sent an event without an end', {
        remedy: 'check that the address is that of a gradmesh peer'
      })
  }
}
