/**
 * The peer's event stream. Read by fetch, because EventSource can't send a token. After a break it resumes
 * behind the last event that came.
 */
import { ask } from './ask.js'

/** @import { StreamEvent } from '@gradmesh/api' */

const RETRY_MS = [500, 1_000, 2_000, 5_000]
/** The peer speaks every second: silence for so long means that the connection is dead, whatever TCP thinks. */
const SILENCE_MS = 20_000

/**
 * @param {(event: StreamEvent) => void} onEvent
 * @param {(state: 'live' | 'reconnecting') => void} onState
 */
export const listen = async (onEvent, onState) => {
  let lastId = ''
  for (let failures = 0; ; failures++) {
    const dead = new AbortController()
    let watch = setTimeout(() => dead.abort(), SILENCE_MS)
    try {
      const response = await ask('/v1/events?replay=all', {
        headers: lastId === '' ? {} : { 'last-event-id': lastId }
      })
      if (response.ok && response.body !== null) {
        onState('live')
        for await (const { id, data } of messages(response.body, dead.signal)) {
          clearTimeout(watch)
          watch = setTimeout(() => dead.abort(), SILENCE_MS)
          failures = 0
          if (id !== '') lastId = id
          onEvent(JSON.parse(data))
        }
      }
    } catch {
      // A broken connection: the next attempt tells whether the peer is there.
    }
    clearTimeout(watch)
    onState('reconnecting')
    await new Promise(resolve => setTimeout(resolve, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]))
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {AbortSignal} signal
 */
async function* messages(body, signal) {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  signal.addEventListener('abort', () => reader.cancel().catch(() => {}))
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (text + decoder.decode(value, { stream: true })).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const message = parseMessage(block)
      if (message.data !== '') yield message
    }
  }
}

/** One message of the stream: lines `name: value`. @param {string} block */
export const parseMessage = block => {
  const message = { id: '', data: '' }
  for (const line of block.split('\n')) {
    const value = line.slice(line.indexOf(':') + 1).trimStart()
    if (line.startsWith('id:')) message.id = value
    if (line.startsWith('data:')) message.data += value
  }
  return message
}
