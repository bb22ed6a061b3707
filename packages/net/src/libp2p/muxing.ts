/**
 * Yamux, for connections that end at any moment. It opens a stream by a frame that it sends a microtask later, where
 * nobody catches what fails: a connection that closed in between would end the process. So on a connection that takes
 * nothing any more a frame counts as one that waits; its end, which follows, ends the streams.
 */
import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'

type Sending = StreamMuxer & Pick<MessageStream, 'send'>

export const calmYamux = (init: Parameters<typeof yamux>[0]) => (): StreamMuxerFactory => {
  const factory = yamux(init)()
  return {
    protocol: factory.protocol,
    createStreamMuxer(connection: MessageStream): StreamMuxer {
      const muxer = factory.createStreamMuxer(connection) as Sending
      const send = muxer.send.bind(muxer)
      muxer.send = data => connection.status === 'open' && send(data)
      return muxer
    }
  }
}
