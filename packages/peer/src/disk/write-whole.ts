import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { cannotWrite } from './cannot-write.ts'

/**
 * A file for its reader, in the place of one that is there: after a failure that one is as it was. Devices and pipes are
 * written into. @throws MeshError `code`
 */
export const writeWhole = async (
  code: string,
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>
): Promise<void> => {
  const isPlain = await stat(path).then(
    found => found.isFile(),
    () => true
  )
  const beside = isPlain ? `${path}.part` : path
  try {
    await writeFile(beside, content)
    if (isPlain) await rename(beside, path)
  } catch (cause) {
    if (isPlain) await rm(beside, { force: true })
    throw cannotWrite(code, path, cause)
  }
}
