/** One JSON object a line. */
import { badFormat } from '../errors.ts'
import { linesOf } from './lines.ts'

export type Fields<Name extends string> = Readonly<Record<Name, string>>

/** Each object's texts of these names; what else it has is left out. Codes: `DATA_UNREADABLE`, `DATA_FORMAT`. */
export async function* readJsonl<const Name extends string>(
  path: string,
  names: readonly Name[]
): AsyncGenerator<Fields<Name>> {
  for await (const { number, text } of linesOf(path)) {
    if (text.trim() === '') continue
    let row: unknown
    try {
      row = JSON.parse(text)
    } catch (cause) {
      throw badFormat(path, number, 'it is not JSON', cause)
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      throw badFormat(path, number, 'it is no object')
    const fields = row as Record<string, unknown>
    const missing = names.find(name => typeof fields[name] !== 'string' && typeof fields[name] !== 'number')
    if (missing !== undefined) throw badFormat(path, number, `it has no text "${missing}"`)
    yield Object.fromEntries(names.map(name => [name, String(fields[name])])) as Fields<Name>
  }
}
