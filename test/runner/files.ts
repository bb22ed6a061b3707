import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Helpers live in folders of these names, and may name tap for its types. */
const HELPERS = /\/(fixtures|support|vectors)\//
const IS_TEST = /^import t\b.* from 'tap'$/m

/** Paths from the root of all files that are tests: those that begin by importing tap. */
export const testFiles = (root: string): string[] =>
  globSync(['packages/*/test/**/*.ts', 'test/**/*.ts'], { cwd: root })
    .filter(file => !HELPERS.test(file) && IS_TEST.test(readFileSync(join(root, file), 'utf8')))
    .sort()
