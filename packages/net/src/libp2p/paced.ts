/**
 * Gossipsub reads a stream through an unbounded queue: whatever a peer sends is taken from the socket
 * at once and waits in memory. This view of an inbound stream offers no events, only an iterator that
 * pauses the stream until the last piece is used up. Together with `awaitRpcHandler` a peer that sends
 * faster than its messages are judged fills its own flow-control window and then waits.
 */
import type { GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { replacing } from './replacing.ts'

type Chunk = StreamMessageEvent['data']
type Registrar = GossipSubComponents['registrar']

/** A registrar whose handlers are given the paced view of each inbound stream. */
export const pacedRegistrar = (registrar: Registrar): Registrar =>
  replacing(registrar, 'handle', async (protocol, handler, options) =>
    registrar.handle(protocol, (stream, connection) => handler(pacedView(stream), connection), options)
  )

const pacedView = (stream: Stream): Stream =>
  new Proxy(stream, {
    get(target, property) {
      if (property === 'addEventListener') return undefined
      if (property === Symbol.asyncIterator) return () => paced(target)
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })

export async function* paced(stream: Stream): AsyncGenerator<Chunk> {
  const waiting: Chunk[] = []
  let ended = false
  let failure: Error | undefined
  let wake = Promise.withResolvers<void>()
  const onMessage = (event: StreamMessageEvent): void => {
    waiting.push(event.data)
    if (stream.readStatus === 'readable') stream.pause()
    wake.resolve()
  }
  const onEnd = (): void => {
    ended = true
    wake.resolve()
  }
  const onClose = (event: StreamCloseEvent): void => {
    failure = event.error
    onEnd()
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onClose)
  try {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk !== undefined) {
        yield chunk
        continue
      }
      if (ended || stream.readableEnded) break
      wake = Promise.withResolvers()
      if (stream.readStatus === 'paused') stream.resume()
      if (waiting.length === 0 && !ended) await wake.promise
    }
    if (failure !== undefined) throw failure
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('end', onEnd)
    stream.removeEventListener('close', onClose)
  }
}
