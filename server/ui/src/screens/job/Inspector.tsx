import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { pretty } from '../../api/client'
import { jobs, tasks } from '../../api/heddle'
import type { Job, Json, JsonObject, TaskRun } from '../../api/types'
import { compare, revertTargets, sourceOf } from '../../model/diff'
import { plainName } from '../../model/name'
import { isFinal, jobLook, taskLook } from '../../model/status'
import { moment, span } from '../../model/time'
import { useMay } from '../../parts/hooks'
import { Badge, Button, Code, Dialog, Problem } from '../../parts/parts'
import { goWith, Link, to, usePlace } from '../../router'

type Asked = 'retry' | 'skip' | 'revert'

/** Inspector shows one task of a job: what it was given and from where, what it made of it,
 *  how its iterations differ, how long it took, and what can be done with it. */
export function Inspector({ job, id, title, now }: { job: Job; id: string; title: (task: string) => string; now: number }) {
  const task = job.tasks[id]!
  const { search } = usePlace()
  const runs = useQuery({
    queryKey: ['job', job._id, 'runs', id],
    queryFn: () => tasks.list({ 'equals[job._id]': job._id, 'equals[job.task]': id, limit: 200, sort: 'metrics.start_time', dereference: 'accounts.metrics.owner' }),
    refetchInterval: isFinal(job) ? false : 1500,
  })
  const list = useMemo(() => [...(runs.data?.rows ?? [])].sort((a, b) => a.iteration - b.iteration), [runs.data])
  const wanted = Number(search.get('iteration'))
  const run = list.find((r) => r.iteration === wanted) ?? list.at(-1)
  const before = run ? list.find((r) => r.iteration === run.iteration - 1) : undefined
  const look = taskLook(task)
  const edge = id === 'workflow_start' || id === 'workflow_end'
  return (
    <>
      <div className="side-head">
        <div>
          <h2>{title(id)}</h2>
          <p className="quiet">
            {[task.name, task.app].filter(Boolean).join(' · ')} · <code>{id}</code>
          </p>
        </div>
        <Button tone="plain" icon="close" aria-label="Close the task" onClick={() => goWith({ task: null, iteration: null })} />
      </div>
      <div className="panel">
        <p className="facts">
          <Badge look={look} />
          {task.metrics.progress_text && <span>{task.metrics.progress_text}</span>}
        </p>
        {task.description && <p className="quiet">{task.description}</p>}
        <Acts job={job} id={id} title={title} run={run} />
        {(task.childJobs?.length ?? 0) > 0 && (
          <section>
            <h3>Child jobs</h3>
            <ul className="tree">
              {task.childJobs!.slice(0, 100).map((c) => (
                <li key={c._id} data-depth="0">
                  <Badge look={jobLook({ status: c.status, warnings: [] })} />
                  <Link to={to.job(c._id)}>{typeof c.name === 'string' ? plainName(c.name) : 'Child job'}</Link>
                  {c.element >= 0 && <span className="quiet">#{c.element}</span>}
                </li>
              ))}
            </ul>
          </section>
        )}
        <Problem error={runs.error} />
        {list.length > 1 && run && (
          <div className="inline">
            <label>
              Iteration
              <select value={run.iteration} onChange={(e) => goWith({ iteration: e.target.value }, true)}>
                {list.map((r) => (
                  <option key={r._id} value={r.iteration}>
                    {r.iteration} of {list.length}: {taskLook({ ...r, status: r.status, finish_state: r.metrics.finish_state }).label}
                  </option>
                ))}
              </select>
            </label>
            {before && <span className="quiet">compared with iteration {before.iteration}</span>}
          </div>
        )}
        {run ? (
          <RunDetail run={run} before={before} defined={task.variables?.incoming ?? {}} title={title} now={now} />
        ) : (
          !runs.isPending &&
          !edge && (
            <section>
              <p className="quiet">{task.never ? 'The job went another way, so this task will not run.' : 'This task has not started yet. Its inputs will be:'}</p>
              {!task.never && <Members now={task.variables?.incoming ?? null} before={undefined} label="Inputs as defined" />}
            </section>
          )
        )}
      </div>
    </>
  )
}

function RunDetail({ run, before, defined, title, now }: { run: TaskRun; before?: TaskRun; defined: JsonObject; title: (task: string) => string; now: number }) {
  const m = run.metrics
  const owner = typeof m.owner === 'object' ? m.owner.username : undefined
  return (
    <>
      <section>
        <h3>Input</h3>
        <Members now={run.variables.incoming} before={before?.variables.incoming} label="Input" source={(key) => sourceOf(defined[key], title)} />
      </section>
      <section>
        <h3>Output</h3>
        <Members now={run.variables.outgoing} before={before?.variables.outgoing} label="Output" />
      </section>
      {run.variables.error !== '' && run.variables.error !== null && (
        <section>
          <h3>Error</h3>
          <Code value={run.variables.error} label="Error" />
        </section>
      )}
      <section>
        <h3>Timing</h3>
        <dl className="timing">
          {m.start_time && (
            <>
              <dt>Started</dt>
              <dd>{moment(m.start_time, now)}</dd>
            </>
          )}
          {m.claim_time && (
            <>
              <dt>Claimed</dt>
              <dd>{moment(m.claim_time, now)}</dd>
            </>
          )}
          {m.end_time && (
            <>
              <dt>Ended</dt>
              <dd>{moment(m.end_time, now)}</dd>
            </>
          )}
          {m.start_time && (
            <>
              <dt>Took</dt>
              <dd>{span((m.end_time ?? now) - m.start_time)}</dd>
            </>
          )}
          <dt>Attempt</dt>
          <dd>{run.attempt}</dd>
          {m.server_id && (
            <>
              <dt>Worker</dt>
              <dd>{m.server_id}</dd>
            </>
          )}
          {owner && (
            <>
              <dt>Owner</dt>
              <dd>{owner}</dd>
            </>
          )}
        </dl>
      </section>
    </>
  )
}

/** Members shows an object member by member; what differs from before is marked and both are shown. */
function Members({ now, before, label, source }: { now: JsonObject | null; before: JsonObject | null | undefined; label: string; source?: (key: string) => string }) {
  const list = compare(now, before === undefined ? now : before)
  if (list.length === 0) return <p className="quiet">nothing</p>
  return (
    <dl className="members">
      {list.map((c) => (
        <div key={c.key}>
          <dt>
            <code>{c.key}</code>
            {c.changed && <span className="mark">changed</span>}
            {source && <span className="quiet">{source(c.key)}</span>}
          </dt>
          <dd>
            <Value v={c.now} label={`${label} ${c.key}`} />
            {c.changed && (
              <details>
                <summary>before</summary>
                <Value v={c.before} label={`${label} ${c.key} before`} />
              </details>
            )}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Value({ v, label }: { v: Json | undefined; label: string }) {
  if (v === undefined) return <span className="quiet">absent</span>
  const text = pretty(v)
  if (text === '') return <span className="quiet">empty text</span>
  return text.length < 60 && !text.includes('\n') ? <code className="value">{text}</code> : <Code value={v} label={label} />
}

/** Acts are the buttons of a task. Each says what it will do before it does it. */
function Acts({ job, id, title, run }: { job: Job; id: string; title: (task: string) => string; run?: TaskRun }) {
  const task = job.tasks[id]!
  const may = useMay()
  const queries = useQueryClient()
  const [asked, setAsked] = useState<Asked | null>(null)
  const [reason, setReason] = useState('')
  const targets = revertTargets(id, job.transitions, (t) => ['complete', 'failure'].includes(job.tasks[t]?.status ?? ''))
  const [target, setTarget] = useState('')
  const back = target || targets[0] || ''
  const act = useMutation({
    mutationFn: (a: Asked) => (a === 'retry' ? jobs.retry(job._id, id) : a === 'skip' ? jobs.skip(job._id, id, reason) : jobs.revert(job._id, id, back)),
    onSettled: () => queries.invalidateQueries({ queryKey: ['job', job._id] }),
  })
  const open = !isFinal(job) && !job.finishing
  const edge = id === 'workflow_start' || id === 'workflow_end'
  const retry = open && task.status === 'error' && may('jobs:operate')
  const skip = open && !edge && (task.status === 'error' || task.status === 'running') && may('jobs:repair')
  const revert = open && job.status !== 'running' && !edge && targets.length > 0 && task.iterations.length > 0 && may('jobs:operate')
  const work = open && task.type === 'manual' && task.status === 'running' && may('tasks:work')
  if (!retry && !skip && !revert && !work) return <Problem error={act.error} />
  const texts: Record<Asked, { title: string; text: string; verb: string }> = {
    retry: { title: 'Retry this task?', verb: 'Retry', text: 'The task runs again with its inputs resolved anew. What finished before keeps its results.' },
    skip: {
      title: 'Skip this task?',
      verb: 'Skip',
      text: 'The task counts as a success without output and the job goes on by its success transition. Later tasks that read its output find nothing there.',
    },
    revert: {
      title: 'Go back to an earlier task?',
      verb: 'Revert',
      text: 'The job goes back to the task you choose. It and every task after it are reset and run again; results of tasks beside them stay. Nothing is undone in outside systems.',
    },
  }
  return (
    <>
      <div className="row acts">
        {work && run && (
          <Link className="button primary" to={to.work(run._id)}>
            Work on it
          </Link>
        )}
        {retry && (
          <Button icon="retry" tone="primary" onClick={() => setAsked('retry')}>
            Retry
          </Button>
        )}
        {skip && (
          <Button icon="skip" onClick={() => setAsked('skip')}>
            Skip
          </Button>
        )}
        {revert && (
          <Button icon="left" onClick={() => setAsked('revert')}>
            Revert
          </Button>
        )}
      </div>
      <Problem error={act.error} />
      {asked && (
        <Dialog title={texts[asked].title} onClose={() => setAsked(null)}>
          <p>{texts[asked].text}</p>
          {asked === 'skip' && (
            <label>
              Reason, for the history
              <input value={reason} onChange={(e) => setReason(e.target.value)} />
            </label>
          )}
          {asked === 'revert' && (
            <label>
              Back to
              <select value={back} onChange={(e) => setTarget(e.target.value)}>
                {targets.map((t) => (
                  <option key={t} value={t}>
                    {title(t)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <footer>
            <Button onClick={() => setAsked(null)}>Leave it</Button>
            <Button
              tone="primary"
              onClick={() => {
                act.mutate(asked)
                setAsked(null)
              }}
            >
              {texts[asked].verb}
            </Button>
          </footer>
        </Dialog>
      )}
    </>
  )
}
