import { BLOCKS_PAGE, type InputOf, openApi, type ReplyOf, type Routes, routes } from '@gradmesh/api'
import { fromHex, isFault } from '@gradmesh/core'
import { embed, tellModels } from './inference.ts'
import { refuse } from './problems.ts'
import type { Answer, PeerView } from './view.ts'

type JsonNames = { [N in keyof Routes]: Routes[N]['kind'] extends 'json' ? N : never }[keyof Routes]

/** One answer a row of the table; parameters have been read and checked. `gone`: the client has left. */
export type Answers = {
  readonly [N in JsonNames]: (input: InputOf<Routes[N]>, gone: AbortSignal) => Answer<ReplyOf<Routes[N]>>
}

export const answersOf = (view: PeerView): Answers => {
  const document = openApi(routes) as ReplyOf<Routes['openApi']>
  return {
    status: () => view.status(),
    peers: async ({ state }) => {
      const { peers } = await view.peers()
      return {
        peers:
          state === undefined ? peers : peers.filter(peer => peer.graylisted === (state === 'graylisted'))
      }
    },
    blocks: ({ from, limit }) => view.blocks(from ?? null, limit ?? BLOCKS_PAGE),
    block: async ({ height }) => {
      const block = await view.block(height)
      if (block === null) throw refuse('BLOCK_UNKNOWN', `no block at height ${height} is final here`)
      return block
    },
    stakes: () => view.stakes(),
    delta: async ({ digest }) => {
      const receipt = await view.delta(digest)
      if (receipt === null) throw refuse('DELTA_UNKNOWN', `this peer knows no delta ${digest}`)
      return receipt
    },
    submit: async ({ transaction }) => {
      const answer = await view.submit(fromHex(transaction)!)
      if (answer === null) throw refuse('TRANSACTION_EARLY', 'the ledger of this peer is not open yet')
      if (!isFault(answer)) return answer
      const { fault, detail } = answer
      throw refuse('TRANSACTION_REFUSED', detail === undefined ? fault : `${fault}: ${detail}`)
    },
    ticket: async () => {
      const ticket = await view.ticket()
      if (ticket === null) throw refuse('TICKET_EARLY', 'the ledger of this peer is not open yet')
      return ticket
    },
    models: () => tellModels(view),
    embeddings: (ask, gone) => embed(view, ask, gone),
    health: () => {
      const { healthy, reason } = view.healthy()
      if (!healthy) throw refuse('HTTP_UNHEALTHY', reason)
      return { healthy, reason }
    },
    openApi: () => document
  }
}
