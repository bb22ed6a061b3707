/** As a client of OpenAI's interface sees it: plain fetch, and the event stream read by its own rules. */
import { createClient } from '@gradmesh/api'
import { MeshError } from '@gradmesh/core'
import t from 'tap'
import { finalState } from './fixtures/fake-model.ts'
import { serve } from './fixtures/serve.ts'

const post = (url: string, path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init
  })

/** The data of each event, as text. */
const events = async (response: Response): Promise<string[]> => {
  const blocks = (await response.text()).split('\n\n')
  return blocks.filter(block => block !== '').map(block => block.replace(/^data: /, ''))
}

t.test('a completion', async t => {
  const { url, view } = await serve(t)
  const response = await post(url, '/v1/completions', {
    prompt: 'Tell',
    max_tokens: 20,
    logprobs: 1,
    echo: true
  })
  t.equal(response.status, 200)
  t.match(await response.json(), {
    id: /^cmpl-/,
    object: 'text_completion',
    model: 'digits-1',
    choices: [
      {
        index: 0,
        text: 'TellOnce upon a 🦀 time',
        finish_reason: 'stop',
        logprobs: {
          tokens: ['Once', ' upon', '', ' a 🦀', ' time'],
          token_logprobs: [-0.5, -0.5, -0.5, -0.5, -0.5],
          top_logprobs: [{ Once: -0.5 }, {}, {}, {}, {}],
          text_offset: [4, 8, 13, 13, 18]
        }
      }
    ],
    usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    gradmesh: finalState
  })
  t.match(view.asked!.asked[0], { prompt: 'Tell', tokensMax: 20, temperature: 1, alternatives: 1 })
  t.equal(view.asked!.ended, 1)
  await (await post(url, '/v1/completions', {})).text()
  t.match(view.asked!.asked[1], { prompt: '', tokensMax: 16, stop: [] }, "OpenAI's defaults")
  const all = { prompt: [1, 2], stop: ['a', 'b'], seed: 7, top_k: 3, presence_penalty: 0.5, user: 'me', n: 1 }
  t.match(await (await post(url, '/v1/completions', { ...all, max_tokens: 2 })).json(), {
    choices: [{ text: 'Once upon', finish_reason: 'length', logprobs: null }]
  })
  t.match(view.asked!.asked[2], {
    prompt: [1, 2],
    stop: ['a', 'b'],
    seed: '7',
    topK: 3,
    presencePenalty: 0.5
  })
})

t.test('the same in parts, and [DONE]', async t => {
  const { url, view } = await serve(t)
  const response = await post(url, '/v1/completions', {
    prompt: 'Tell',
    stream: true,
    stream_options: { include_usage: true }
  })
  t.match(response.headers.get('content-type'), /^text\/event-stream/)
  const all = await events(response)
  t.equal(all.at(-1), '[DONE]')
  const parts = all.slice(0, -1).map(text => JSON.parse(text))
  t.strictSame(
    parts.map(part => part.choices[0]?.text),
    ['Once', ' upon', ' a 🦀', ' time', '', undefined]
  )
  t.strictSame(
    parts.map(part => part.choices[0]?.finish_reason),
    [null, null, null, null, 'stop', undefined]
  )
  t.equal(new Set(parts.map(part => part.id)).size, 1)
  t.match(parts.at(-1), { choices: [], usage: { total_tokens: 8 } })
  for (const part of parts) t.match(part, { object: 'text_completion', gradmesh: finalState })
  t.equal(view.asked!.ended, 1)
})

t.test("what is wrong is told as OpenAI's clients read it, with our codes", async t => {
  const { url, view } = await serve(t, { limits: { bodyBytesMax: 1000 } })
  const wrong = async (body: unknown, path = '/v1/completions') => {
    const response = await post(url, path, body)
    return { status: response.status, headers: response.headers, ...((await response.json()) as object) }
  }
  const refused = (code: string, param: string | null) => ({ error: { code, param, message: /What to do/ } })
  for (const [body, param] of [
    [{ n: 2 }, 'n'],
    [{ prompt: 7 }, 'prompt'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ suffix: 'x' }, 'suffix'],
    [{ logprobs: 6 }, 'logprobs'],
    [{ temperature: -1 }, 'temperature'],
    [{ max_tokens: 0 }, 'max_tokens']
  ] as const)
    t.match(await wrong(body), { status: 400, ...refused('HTTP_PARAMETER', param) }, JSON.stringify(body))
  t.match(await wrong('{'), { status: 400, ...refused('HTTP_BODY_MALFORMED', null) })
  t.match(await wrong({ prompt: 'x'.repeat(1000) }), { status: 413, ...refused('HTTP_BODY_TOO_LARGE', null) })
  t.match(await wrong({ model: 'gpt' }), {
    status: 404,
    error: { type: 'not_found_error', code: 'INFERENCE_MODEL' }
  })
  t.match(await wrong({ model: 'gpt', input: 'a' }, '/v1/embeddings'), { status: 404 })
  t.match(await wrong({}, '/v1/embeddings'), { status: 400, ...refused('HTTP_PARAMETER', 'input') })
  for (const [code, status, retry] of [
    ['INFERENCE_BUSY', 429, '7'],
    ['INFERENCE_PAUSED', 503, '10'],
    ['INFERENCE_KIND', 404, null],
    ['INFERENCE_PROMPT', 400, null]
  ] as const) {
    view.asked!.failure = new MeshError(code, 'so it is', { data: { retrySeconds: 7 } })
    const found = await wrong({ prompt: '' })
    t.match(found, { status, error: { code, message: /so it is/ } })
    t.equal(found.headers.get('retry-after'), retry, code)
    t.match(await wrong({ input: 'a' }, '/v1/embeddings'), { status, error: { code } })
  }
  view.asked!.failure = new MeshError('ELSE', 'inside')
  t.match(await wrong({}), { status: 500, error: { code: 'HTTP_INTERNAL', type: 'server_error' } })
  view.asked = null
  t.match(await wrong({}), { status: 503, error: { code: 'INFERENCE_PAUSED' } })
  t.equal((await fetch(`${url}/v1/completions`)).status, 405)
})

t.test('a failure in the middle of a stream ends it without [DONE]', async t => {
  const { url, view } = await serve(t)
  view.asked!.words = ['Once', 'broken']
  const all = await events(await post(url, '/v1/completions', { stream: true }))
  t.equal(all.length, 2)
  t.match(JSON.parse(all[1]!), { error: { code: 'INFERENCE_PAUSED' } })
  view.asked!.words = ['broken']
  const early = await post(url, '/v1/completions', { stream: true })
  t.equal(early.status, 503, 'before the first token it has its status')
  t.equal(view.asked!.ended, 2)
})

t.test('a client that leaves ends its text', async t => {
  const { url, view } = await serve(t)
  const model = view.asked!
  model.words = Array.from({ length: 100_000 }, () => ' word')
  model.pause = () => new Promise(resolve => setTimeout(resolve, 1))
  for (const stream of [true, false]) {
    const before = model.ended
    const abort = new AbortController()
    const asked = post(url, '/v1/completions', { stream, max_tokens: 32_768 }, { signal: abort.signal })
    asked.catch(() => {})
    if (stream) await (await asked).body!.getReader().read()
    else for (let wait = 0; wait < 500 && model.asked.length < 2; wait++) await model.pause()
    abort.abort()
    for (let wait = 0; wait < 500 && model.ended === before; wait++) await model.pause()
    t.equal(model.ended, before + 1, stream ? 'in the middle of a stream' : 'before an answer')
  }
  t.ok(model.said < 1000, `${model.said} tokens in vain`)
})

t.test('vectors and models', async t => {
  const { url, view } = await serve(t)
  const client = createClient(url)
  const found = await client.embeddings({ input: ['ab', 'c'] })
  t.match(found, {
    object: 'list',
    data: [{ index: 0, object: 'embedding' }, { index: 1 }],
    usage: { prompt_tokens: 3, total_tokens: 3 },
    gradmesh: finalState
  })
  t.strictSame(found.data[0]!.embedding, [...Float32Array.of(0.6, -0.8)])
  const packed = await client.embeddings({ input: 'ab', encoding_format: 'base64' })
  const bytes = Buffer.from(packed.data[0]!.embedding as string, 'base64')
  t.strictSame([bytes.readFloatLE(0), bytes.readFloatLE(4)], [...Float32Array.of(0.6, -0.8)])
  t.match(await client.models(), { data: [{ id: 'digits-1', object: 'model', can: ['generate', 'embed'] }] })
  view.asked!.failure = new MeshError('INFERENCE_KIND', 'so it is')
  await t.rejects(
    client.embeddings({ input: 'a' }),
    { code: 'INFERENCE_KIND' },
    'the typed client knows the form'
  )
})

t.test('the token is asked for as elsewhere', async t => {
  const { url } = await serve(t, { access: { token: 'x'.repeat(40), openReads: true } })
  t.equal((await fetch(`${url}/v1/models`)).status, 200)
  const response = await post(url, '/v1/completions', {})
  t.equal(response.status, 401)
  t.match(await response.json(), { error: { type: 'authentication_error', code: 'HTTP_TOKEN' } })
})
