import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import { Generator, loadWeights, modelOf, openFile, readConfigFile, Variables } from '../src/index.ts'
import { hasStories, readVocabulary, STORIES, textOf } from './support/stories.ts'

const skip = hasStories ? false : 'no ../shared/data/model-stories260k'

t.test('stories260K gives its published text over 200 tokens', { skip }, async t => {
  using device = await openDevice()
  const model = modelOf(await readConfigFile(STORIES), 'causal')
  const variables = new Variables(device)
  await using file = await openFile(join(STORIES, 'model.safetensors'))
  t.strictSame(await loadWeights(model, file, variables), { missing: [], unused: [] })
  const generator = new Generator(model, variables)
  const tokens: number[] = []
  for await (const token of generator.generate([1], { tokensMax: 200 })) tokens.push(token)
  t.equal(tokens.length, 200)
  const expected = readFileSync(join(STORIES, 'greedy-sample.txt'), 'utf8')
  t.equal(textOf(tokens, readVocabulary()), expected.replace(/\n$/, ''))
})
