import { keepPreviousData, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Params } from '../../api/client'
import { jobs } from '../../api/heddle'
import type { Account, JobRow } from '../../api/types'
import { jobActs, jobLook, jobStatuses, statusLook, type Act } from '../../model/status'
import { ago, moment, span } from '../../model/time'
import { Icon } from '../../parts/Icon'
import { useMay, useNow, useSettled, useStored, useTitle } from '../../parts/hooks'
import { Name } from '../../parts/Name'
import { Badge, Button, Empty, Notice, Pager, Problem } from '../../parts/parts'
import { go, goWith, Link, to, usePlace } from '../../router'
import { ActDialog } from '../job/ActDialog'

/** Jobs is the list of jobs. Rows keep their places while it is open: a job that starts
 *  meanwhile is announced and comes in when asked for. */
export function Jobs() {
  useTitle('Jobs')
  const { search } = usePlace()
  const status = search.get('status') ?? ''
  const children = search.get('children') === '1'
  const [typed, setTyped] = useState(search.get('name') ?? '')
  const name = useSettled(typed.trim())
  const [size, setSize] = useStored('jobs.rows', 10)
  const [skip, setSkip] = useState(0)
  const [anchor, setAnchor] = useState<number | null>(null)
  const [chosen, setChosen] = useState<Map<string, JobRow>>(new Map())
  const [act, setAct] = useState<Act | null>(null)
  const now = useNow()
  const may = useMay()
  const queries = useQueryClient()

  const scope: Params = { 'contains[name]': name || undefined, 'exists[parent.job]': children ? undefined : false }
  const filter: Params = { ...scope, 'equals[status]': status || undefined }
  const scopeKey = JSON.stringify(filter)
  useEffect(() => {
    setSkip(0)
    setAnchor(null)
    setChosen(new Map())
  }, [scopeKey])
  useEffect(() => goWith({ name }, true), [name])

  const list = useQuery({
    queryKey: ['jobs', 'list', filter, anchor, skip, size],
    queryFn: () =>
      jobs.list({
        ...filter,
        'lte[metrics.start_time]': anchor ?? undefined,
        sort: '-metrics.start_time',
        skip,
        limit: size,
        include: 'name,status,description,metrics,warnings,parent,finishing',
        dereference: 'accounts.metrics.user',
      }),
    refetchInterval: 2000,
    placeholderData: keepPreviousData,
  })
  const newest = list.isPlaceholderData ? undefined : list.data?.rows[0]?.metrics.start_time
  useEffect(() => {
    if (anchor === null && skip === 0 && newest !== undefined) setAnchor(newest)
  }, [anchor, skip, newest])
  const fresh = useQuery({
    queryKey: ['jobs', 'fresh', filter, anchor],
    queryFn: () => jobs.list({ ...filter, 'gt[metrics.start_time]': anchor!, limit: 1, include: 'name' }),
    refetchInterval: 2000,
    enabled: anchor !== null,
  })
  const counts = useQueries({
    queries: jobStatuses.map((s) => ({
      queryKey: ['jobs', 'count', scope, s],
      queryFn: () => jobs.list({ ...scope, 'equals[status]': s, limit: 1, include: 'name' }),
      refetchInterval: 4000,
      placeholderData: keepPreviousData,
    })),
  })

  const run = useMutation({
    mutationFn: ({ act, mode }: { act: Act; mode: 'terminate' | 'graceful' }) => {
      const ids = [...chosen.keys()]
      return act === 'pause' ? jobs.pause(ids) : act === 'resume' ? jobs.resume(ids) : jobs.cancel(ids, mode)
    },
    onSuccess: () => setChosen(new Map()),
    onSettled: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  })
  const refused = run.data ? Object.values(run.data.data).filter((r) => !r.success) : []

  const rows = list.data?.rows ?? []
  const mayOperate = may('jobs:operate')
  const allChosen = rows.length > 0 && rows.every((j) => chosen.has(j._id))
  const choose = (list: JobRow[], on: boolean) => {
    const next = new Map(chosen)
    for (const j of list) on ? next.set(j._id, j) : next.delete(j._id)
    setChosen(next)
  }
  const possible = (a: Act) => [...chosen.values()].filter((j) => jobActs(j).includes(a)).length
  const filtered = status !== '' || name !== ''

  return (
    <div className="page">
      <div className="page-head">
        <h1>Jobs</h1>
        <div className="row">
          <label className="search">
            <span className="hidden">Filter by name</span>
            <Icon name="search" />
            <input type="search" placeholder="Filter by name" value={typed} onChange={(e) => setTyped(e.target.value)} />
          </label>
          <label className="check">
            <input type="checkbox" checked={children} onChange={(e) => goWith({ children: e.target.checked ? '1' : null }, true)} />
            Child jobs too
          </label>
        </div>
      </div>
      <div className="counters" role="group" aria-label="Filter by status">
        {jobStatuses.map((s, i) => {
          const n = counts[i]?.data?.total
          return (
            <button
              key={s}
              type="button"
              className={`counter tone-${statusLook(s).tone}`}
              aria-pressed={status === s}
              onClick={() => goWith({ status: status === s ? null : s })}
            >
              <span>
                <Icon name={statusLook(s).icon} size={14} /> {statusLook(s).label}
              </span>
              <strong>{n === undefined ? '–' : n.toLocaleString()}</strong>
            </button>
          )
        })}
      </div>
      <Problem error={list.error ?? run.error} />
      {refused.length > 0 && <Notice tone="warn">{`${run.data!.message}. ${refused[0]!.message ?? ''}`}</Notice>}
      <div className="announce" aria-live="polite">
        {(fresh.data?.total ?? 0) > 0 && skip === 0 && (
          <Button className="fresh" onClick={() => (setAnchor(null), void queries.invalidateQueries({ queryKey: ['jobs'] }))}>
            {fresh.data!.total === 1 ? 'Show 1 new job' : `Show ${fresh.data!.total} new jobs`}
          </Button>
        )}
      </div>
      {chosen.size > 0 && (
        <div className="bulk" role="toolbar" aria-label="Chosen jobs">
          <strong>{chosen.size} chosen</strong>
          <Button icon="pause" disabled={possible('pause') === 0} onClick={() => setAct('pause')}>
            Pause
          </Button>
          <Button icon="play" disabled={possible('resume') === 0} onClick={() => setAct('resume')}>
            Resume
          </Button>
          <Button icon="stop" tone="danger" disabled={possible('cancel') === 0} onClick={() => setAct('cancel')}>
            Cancel
          </Button>
          <Button tone="plain" onClick={() => setChosen(new Map())}>
            Choose none
          </Button>
        </div>
      )}
      {rows.length === 0 && list.data ? (
        filtered ? (
          <Empty title="No job matches">
            <p>
              <Button onClick={() => (setTyped(''), go(to.jobs))}>Show all jobs</Button>
            </p>
          </Empty>
        ) : (
          <Empty title="No job has run yet">
            <p>A job is one run of a workflow. Start one from the list of workflows, and watch it here.</p>
            <p>
              <Link className="button primary" to={to.workflows}>
                Open the workflows
              </Link>
            </p>
          </Empty>
        )
      ) : (
        <div className="table-wrap">
          <table className="table" aria-busy={list.isPending}>
            <thead>
              <tr>
                {mayOperate && (
                  <th className="narrow">
                    <input type="checkbox" aria-label="Choose all on this page" checked={allChosen} onChange={(e) => choose(rows, e.target.checked)} />
                  </th>
                )}
                <th>Status</th>
                <th>Workflow</th>
                <th className="progress-cell">Progress</th>
                <th>Started</th>
                <th>Took</th>
                <th>By</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((j) => (
                <Row key={j._id} job={j} now={now} choice={mayOperate ? chosen.has(j._id) : undefined} onChoose={(on) => choose([j], on)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.data && (list.data.total > 0 || skip > 0) && (
        <Pager skip={skip} size={size} total={list.data.total} onSkip={setSkip} onSize={(n) => (setSize(n), setSkip(0))} />
      )}
      {act && (
        <ActDialog
          act={act}
          count={possible(act)}
          left={chosen.size - possible(act)}
          onClose={() => setAct(null)}
          onConfirm={(mode) => {
            setAct(null)
            run.mutate({ act, mode })
          }}
        />
      )}
    </div>
  )
}

function Row({ job, now, choice, onChoose }: { job: JobRow; now: number; choice?: boolean; onChoose: (on: boolean) => void }) {
  const look = jobLook(job)
  const m = job.metrics
  return (
    <tr className={choice ? 'chosen' : undefined}>
      {choice !== undefined && (
        <td className="narrow">
          <input type="checkbox" aria-label={`Choose ${job.name}`} checked={choice} onChange={(e) => onChoose(e.target.checked)} />
        </td>
      )}
      <td>
        <Badge look={look} />
      </td>
      <td className="name">
        <Link to={to.job(job._id)}>
          <Name of={job.name} />
        </Link>
        {job.description && <span className="quiet clip">{job.description}</span>}
      </td>
      <td className="progress-cell">
        <progress value={m.progress} max={1} aria-label={`Progress of ${job.name}`} />
        <span className="quiet">{Math.round(m.progress * 100)} %</span>
      </td>
      <td title={moment(m.start_time, now)}>{ago(m.start_time, now)}</td>
      <td>{span((m.end_time ?? now) - m.start_time)}</td>
      <td>{(m.user as Account | null)?.username ?? ''}</td>
    </tr>
  )
}
