import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { jobs, tasks } from '../../api/heddle'
import type { FinishState, JsonObject, TaskRun } from '../../api/types'
import { plainName } from '../../model/name'
import { buttonLabels, viewOf } from '../../model/manual'
import { useMay } from '../../parts/hooks'
import { Button, Code, Notice, Problem } from '../../parts/parts'
import { Link, to } from '../../router'
import { ownerOf } from './Work'

/** ManualTask is one task that waits for a person: what it shows, and the ways it can end. */
export function ManualTask({ run, me, onDone }: { run: string; me: string; onDone: () => void }) {
  const queries = useQueryClient()
  const may = useMay()
  const [done, setDone] = useState<FinishState | null>(null)
  const [result, setResult] = useState('')
  const task = useQuery({ queryKey: ['tasks', 'run', run], queryFn: () => tasks.get(run), refetchInterval: 2500 })
  const refresh = () => Promise.all([queries.invalidateQueries({ queryKey: ['tasks'] }), queries.invalidateQueries({ queryKey: ['job'] })])
  const own = useMutation({ mutationFn: (act: 'claim' | 'release') => tasks[act](run), onSettled: refresh })
  const finish = useMutation({
    mutationFn: async ({ t, state }: { t: TaskRun; state: FinishState }) => {
      let variables: JsonObject = {}
      if (result.trim() !== '') {
        try {
          variables = JSON.parse(result) as JsonObject
        } catch {
          throw new Error('The result is not JSON. Write an object such as {"note": "looks right"}, or leave it empty.')
        }
      }
      await jobs.finish(t.job._id, t.job.task, state, variables)
      setDone(state)
    },
    onSettled: refresh,
  })
  if (!task.data) return task.error ? <Problem error={task.error} /> : <div className="loading" aria-busy="true" />
  const t = task.data
  const owner = ownerOf(t)
  const waiting = t.status === 'running' && done === null
  const others = owner !== null && owner._id !== me
  const labels = buttonLabels(t)
  const view = viewOf(t)
  return (
    <article>
      <header>
        <h2>{t.summary || t.name}</h2>
        <p className="quiet">
          in the job <Link to={to.job(t.job._id, t.job.task)}>{plainName(t.job.name)}</Link>
          {t.iteration > 1 ? ` · asked for the ${ordinal(t.iteration)} time` : ''}
          {owner ? ` · claimed by ${others ? owner.username : 'you'}` : ''}
        </p>
      </header>
      <div className="view">
        {view.header && <h3>{view.header}</h3>}
        {view.message && <p className="message">{view.message}</p>}
        {view.body !== undefined && view.body !== '' && <Code value={view.body} label="What is to be decided on" />}
        {view.rest && (
          <details open={!view.header && !view.message}>
            <summary>All that the task was given</summary>
            <Code value={view.rest} label="Inputs of the task" />
          </details>
        )}
      </div>
      <Problem error={own.error ?? finish.error} />
      {done && (
        <Notice tone="good">
          Finished with “{done === 'success' ? labels.success : labels.failure}”. The job goes on. <Link to={to.job(t.job._id)}>Watch it</Link> or{' '}
          <button type="button" className="link" onClick={onDone}>
            take the next task
          </button>
          .
        </Notice>
      )}
      {!waiting && !done && (
        <Notice tone="active">
          This task does not wait any more. <Link to={to.job(t.job._id, t.job.task)}>See what became of it</Link>.
        </Notice>
      )}
      {waiting && may('tasks:work') && (
        <>
          <details className="result">
            <summary>Give a result along (optional)</summary>
            <label>
              Output of the task, as a JSON object
              <textarea rows={4} spellCheck={false} value={result} onChange={(e) => setResult(e.target.value)} placeholder='{"note": "looks right"}' />
            </label>
          </details>
          <div className="row decide">
            <Button tone="primary" icon="check" disabled={others || finish.isPending} onClick={() => finish.mutate({ t, state: 'success' })}>
              {labels.success}
            </Button>
            <Button tone="danger" icon="branch" disabled={others || finish.isPending} onClick={() => finish.mutate({ t, state: 'failure' })}>
              {labels.failure}
            </Button>
            <span className="spring" />
            {owner === null && <Button onClick={() => own.mutate('claim')}>Claim</Button>}
            {owner !== null && <Button onClick={() => own.mutate('release')}>Release{others ? ` from ${owner.username}` : ''}</Button>}
          </div>
          <p className="quiet">
            {others
              ? `${owner.username} is at it. Release the task to take it over.`
              : `“${labels.success}” sends the job on by the success transition, “${labels.failure}” by the failure transition.`}
          </p>
        </>
      )}
    </article>
  )
}

function ordinal(n: number): string {
  const last = n % 100 > 10 && n % 100 < 14 ? 0 : n % 10
  return `${n}${['th', 'st', 'nd', 'rd'][last] ?? 'th'}`
}
