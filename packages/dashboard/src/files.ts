import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PageFile {
  readonly body: Uint8Array
  /** Media type, for the Content-Type header. */
  readonly type: string
}

const FOLDER = fileURLToPath(new URL('../page', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/**
 * The page, read whole: a file by the path that it is served at; `/` is the page itself.
 *
 * @example
 * createHttpServer({ ..., files: dashboardFiles() })
 */
export const dashboardFiles = (): ReadonlyMap<string, PageFile> =>
  new Map(
    readdirSync(FOLDER).flatMap(name => {
      const type = TYPES[extname(name)]
      if (type === undefined) return []
      const path = name === 'index.html' ? '/' : `/${name}`
      return [[path, { body: readFileSync(`${FOLDER}/${name}`), type }] as const]
    })
  )
