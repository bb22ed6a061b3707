/**
 * Who may ask when others than this machine can reach the port: whoever sends the bearer token. It lies in
 * a file that its owner alone may read, made by the first start. The page's own files are exempt: they
 * hold nothing of the mesh, and ask for the token themselves.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { MeshError } from '@gradmesh/core'
import { makeOwnersAlone } from '../disk/owners-alone.ts'
import { writeDurably } from '../disk/write-durably.ts'
import { type ProblemError, refuse } from './problems.ts'

export interface Access {
  readonly token: string
  /** GET and HEAD need no token; whatever changes something always does. */
  readonly openReads: boolean
}

const TOKEN_BYTES = 32
const TOKEN = /^[A-Za-z0-9._~+/=-]{32,512}$/
const REALM = 'Bearer realm="gradmesh"'

/** What is wrong with a request's credentials, or undefined. */
export const authorise = (
  method: string,
  authorization: string | undefined,
  access: Access | undefined
): ProblemError | undefined => {
  if (access === undefined) return undefined
  if (access.openReads && (method === 'GET' || method === 'HEAD')) return undefined
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  if (given === undefined)
    return refuse('HTTP_TOKEN', 'this request carries no bearer token', { 'www-authenticate': REALM })
  if (isSame(given, access.token)) return undefined
  return refuse('HTTP_TOKEN', "this is not the peer's bearer token", {
    'www-authenticate': `${REALM}, error="invalid_token"`
  })
}

/** In the same time whatever is wrong: digests of equal length are compared. */
const isSame = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token))

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * The token in the file; a new one where there is no file. `tell` hears when others could read it.
 * @throws MeshError `HTTP_TOKEN_FILE`, `FILE_EXPOSED`, `FOLDER_WRITE`
 */
export const ensureToken = async (path: string, tell: (message: string) => void): Promise<string> => {
  const read = (): Promise<string | undefined> =>
    readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined
      throw new MeshError('HTTP_TOKEN_FILE', `can't read the token in ${path}: ${cause.message}`, {
        remedy: 'The file must belong to the user who runs the peer (mode 0600).',
        cause
      })
    })
  const held = await read()
  if (held === undefined) {
    await writeDurably(path, `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`, 0o600)
    return ensureToken(path, tell)
  }
  await makeOwnersAlone(path, tell)
  const token = held.trim()
  if (TOKEN.test(token)) return token
  throw new MeshError('HTTP_TOKEN_FILE', `${path} does not hold a token`, {
    remedy:
      'Delete the file, and the next start makes a new one; or write 32 to 512 letters, digits and -._~+/= into it.'
  })
}
