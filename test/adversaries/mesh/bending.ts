/** What several adversaries share: a net whose publishing, or answering, somebody else takes over. */
import type { Net, RequestHandler } from '@gradmesh/net'
import { bound } from '../../sim/mesh/bound.ts'

type Publish = Net['publish']

/** `publish` decides what becomes of a message; `pass` publishes it as it is. */
export const bendPublish = (
  net: Net,
  publish: (topic: string, message: Uint8Array, pass: () => Promise<void>) => Promise<void>
): Net =>
  bendNet(net, { publish: (topic, message) => publish(topic, message, () => net.publish(topic, message)) })

export const bendNet = (
  net: Net,
  changes: {
    readonly publish?: Publish
    readonly answer?: (protocol: string, handler: RequestHandler) => RequestHandler
    readonly hears?: (topic: string, message: Uint8Array) => void
  }
): Net =>
  bound(net, {
    subscribe: (topic, options, handler) =>
      net.subscribe(topic, options, (message, from) => {
        changes.hears?.(topic, message)
        return handler(message, from)
      }),
    handle: (protocol, maxBytes, handler) =>
      net.handle(protocol, maxBytes, changes.answer?.(protocol, handler) ?? handler),
    ...(changes.publish === undefined ? {} : { publish: changes.publish })
  })
