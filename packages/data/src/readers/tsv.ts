/** Rows whose fields part at tabs; nothing is quoted and nothing escaped. */
import { badFormat } from '../errors.ts'
import { linesOf } from './lines.ts'

export interface TsvOptions {
  /** How many fields every row has. */
  readonly columns: number
  /** The first line names the columns and is no row; none when left out. */
  readonly header?: boolean
}

/** Codes: `DATA_UNREADABLE`, `DATA_FORMAT`. */
export async function* readTsv(
  path: string,
  { columns, header = false }: TsvOptions
): AsyncGenerator<readonly string[]> {
  for await (const { number, text } of linesOf(path)) {
    if (text === '' || (header && number === 1)) continue
    const fields = text.split('\t')
    if (fields.length !== columns) throw badFormat(path, number, `${fields.length} fields, ${columns} wanted`)
    yield fields
  }
}
