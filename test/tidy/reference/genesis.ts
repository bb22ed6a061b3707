/** docs/reference/genesis.md: what a mesh agrees on and what one operator sets, out of the types and their comments. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { genesisDefaults, nodeDefaults } from '@gradmesh/peer'
import { root } from '../errors.ts'
import { code, MADE, page, table } from './markdown.ts'

const HEAD = `# Genesis and node options

Two configurations, never merged. The **genesis** is what every peer of a mesh agrees on: its digest is the mesh's id,
so it can't be changed, only another mesh made. \`gradmesh init\` writes it (\`--name\`, \`--task\`, \`--rounds\`,
\`--seed\`, \`--round-ms\`, \`--validator\`); \`join\` fetches it and checks it against the ticket. **Node options** are one
operator's own: flags and environment variables of [\`gradmesh up\`](commands.md#gradmesh-up), read at every start.
${MADE}`

export const genesisPage = (): string => {
  const wire = readFileSync(join(root, 'packages/wire/src/types.ts'), 'utf8')
  const options = readFileSync(join(root, 'packages/peer/src/options.ts'), 'utf8')
  return page(
    HEAD,
    '## Genesis',
    `\`gradmesh init\` sets: ${defaults(genesisDefaults)}; what concerns training follows from the task.`,
    fields(wire, 'Genesis'),
    '## Tensor',
    fields(wire, 'TensorSpec'),
    '## Validator',
    fields(wire, 'GenesisValidator'),
    '## Node options',
    `Defaults: ${defaults(nodeDefaults)}.`,
    fields(options, 'NodeOptions')
  )
}

const defaults = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${code(shown(value))}`)
    .join(', ')

const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? Number(inner) : inner))
    : String(value)

const fields = (source: string, name: string): string =>
  table(
    ['field', 'type', 'meaning'],
    fieldsOf(source, name).map(({ path, type, comment }) => [code(path), code(type), comment])
  )

export interface Field {
  readonly path: string
  readonly type: string
  readonly comment: string
}

/**
 * The fields of `export interface NAME` as formatted by Biome: a comment of one or more lines above a field
 * belongs to it, fields of nested objects stand with their path.
 */
export const fieldsOf = (source: string, name: string): Field[] => {
  const body =
    source.split(new RegExp(`^export interface ${name}(?: extends \\w+)? \\{$`, 'm'))[1]?.split(/^\}$/m)[0] ??
    ''
  const found: Field[] = []
  const inside: string[] = []
  let comment: string[] = []
  let commenting = false
  for (const line of body.split('\n').map(each => each.trim())) {
    if (line.startsWith('/**') || commenting) {
      commenting = !line.endsWith('*/')
      comment.push(line.replace(/^\/?\*+\/?\s?|\s*\*\/$/g, ''))
      continue
    }
    const opened = /^(?:readonly )?(\w+\??): (.*)\{$/.exec(line)
    const field = /^(?:readonly )?(\w+\??): (.+)$/.exec(line)
    if (opened !== null) {
      // The group's own comment explains the group.
      found.push({
        path: [...inside, opened[1]!].join('.'),
        type: opened[2]!.trim() || 'object',
        comment: said(comment)
      })
      inside.push(opened[1]!.replace('?', ''))
    } else if (/^\}(?:\[\])?/.test(line)) inside.pop()
    else if (field !== null) found.push(...flat([...inside, field[1]!].join('.'), field[2]!, said(comment)))
    comment = []
  }
  return found
}

const said = (comment: readonly string[]): string => comment.join(' ').trim()

/** `{ readonly a: number; readonly b: string }` on one line. */
const flat = (path: string, type: string, comment: string): Field[] => {
  const inner = /^\{ (.*) \}$/.exec(type)?.[1]
  if (inner === undefined) return [{ path, type: plain(type), comment }]
  return inner.split('; ').flatMap((each, i) => {
    const [name = '', of = ''] = each.replace(/^readonly /, '').split(': ')
    return [{ path: `${path}.${name}`, type: plain(of), comment: i === 0 ? comment : '' }]
  })
}

const plain = (type: string): string =>
  type
    .replaceAll('readonly ', '')
    .replace(/^Readonly<(.*)>$/, '$1')
    .replace(/^List<(.*)>$/, '$1[]')
