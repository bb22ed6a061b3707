import { BLOCKS_PAGE, BLOCKS_PAGE_MAX } from '@gradmesh/api'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { bytes, milliseconds, shortKey, table } from '../format.ts'
import { urlOption } from '../settings.ts'

export const command: Command = {
  name: 'blocks',
  args: [{ name: 'HEIGHT', required: false }],
  about: 'With a height: that block alone, as JSON.',
  options: {
    ...urlOption,
    from: { type: 'string', value: 'N', help: 'the highest height to list; the newest when left out' },
    limit: {
      type: 'string',
      value: 'N',
      help: `how many, up to ${BLOCKS_PAGE_MAX}`,
      default: String(BLOCKS_PAGE)
    }
  },
  examples: ['gradmesh blocks', 'gradmesh blocks --from 100 --limit 5', 'gradmesh blocks 12'],
  async run({ values, args, io }) {
    const client = await clientOf(values)
    const [height] = args
    if (height !== undefined) {
      if (!/^\d{1,15}$/.test(height))
        throw usage('ARGUMENT', `"${height}" is not a height`, 'give a whole number')
      io.print(JSON.stringify(await client.block({ height: Number(height) }), null, io.json ? 0 : 2))
      return EXIT.ok
    }
    const from = values.integer('from', { min: 0, max: Number.MAX_SAFE_INTEGER })
    const limit = values.integer('limit', { min: 1, max: BLOCKS_PAGE_MAX }) ?? BLOCKS_PAGE
    const reply = await client.blocks({ limit, ...(from === undefined ? {} : { from }) })
    if (io.json) io.print(JSON.stringify(reply))
    else if (reply.blocks.length === 0) io.print('no block is final yet')
    else {
      const rows = reply.blocks.map(block => [
        String(block.height),
        String(block.slot),
        block.empty ? '-' : String(block.round),
        shortKey(block.id),
        block.leader === null ? '-' : shortKey(block.leader),
        String(block.deltas),
        bytes(block.bytes),
        milliseconds(block.finalityMs)
      ])
      io.print(table(['height', 'slot', 'round', 'id', 'leader', 'deltas', 'size', 'finality'], rows))
    }
    return EXIT.ok
  }
}
