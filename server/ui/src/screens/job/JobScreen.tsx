import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState, type ReactNode } from 'react'
import { jobs } from '../../api/heddle'
import type { Account, Job } from '../../api/types'
import { Canvas } from '../../canvas/Canvas'
import { graphOf } from '../../model/graph'
import { isFinal, jobActs, jobLook, type Act } from '../../model/status'
import { moment, span } from '../../model/time'
import { useMay, useNow, useTitle } from '../../parts/hooks'
import { Name } from '../../parts/Name'
import { Badge, Button, Code, Empty, Problem, Tabs } from '../../parts/parts'
import { goWith, Link, to, usePlace } from '../../router'
import { ActDialog } from './ActDialog'
import { Family } from './Family'
import { History } from './History'
import { Inspector } from './Inspector'
import { Overview } from './Overview'

/** JobScreen shows one job while it runs, and afterwards. */
export default function JobScreen({ id }: { id: string }) {
  const job = useQuery({
    queryKey: ['job', id],
    queryFn: () => jobs.get(id),
    refetchInterval: (q) => (q.state.data && isFinal(q.state.data) ? 15_000 : 1000),
  })
  useTitle(job.data?.name ?? 'Job')
  if (job.data) return <Loaded job={job.data} stale={job.isError ? job.error : null} />
  if (job.error)
    return (
      <Empty title="This job cannot be shown">
        <Problem error={job.error} />
        <p>
          <Link to={to.jobs}>Back to the jobs</Link>
        </p>
      </Empty>
    )
  return <div className="loading" aria-busy="true" />
}

function Loaded({ job, stale }: { job: Job; stale: unknown }) {
  const { search } = usePlace()
  const wanted = search.get('task')
  const task = wanted && wanted in job.tasks ? wanted : null
  const tab = search.get('tab') ?? 'overview'
  const [act, setAct] = useState<Act | null>(null)
  const now = useNow(!isFinal(job))
  const may = useMay()
  const queries = useQueryClient()
  const graph = useMemo(() => graphOf(job.tasks, job.transitions), [job])
  const titles = useMemo(() => Object.fromEntries(graph.nodes.map((n) => [n.id, n.title])), [graph])
  const title = (t: string) => titles[t] ?? t
  const run = useMutation({
    mutationFn: async ({ act, mode }: { act: Act; mode: 'terminate' | 'graceful' }) => {
      const answer = act === 'pause' ? jobs.pause([job._id]) : act === 'resume' ? jobs.resume([job._id]) : jobs.cancel([job._id], mode)
      await answer
    },
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ['job', job._id] }), queries.invalidateQueries({ queryKey: ['jobs'] })]),
  })
  const acts = may('jobs:operate') ? jobActs(job) : []
  const errors = (job.error ?? []).filter((e) => !e.resolved).length

  const panels: Record<string, () => ReactNode> = {
    overview: () => <Overview job={job} title={title} now={now} />,
    variables: () => <Code value={job.variables} label="Job variables" />,
    history: () => <History job={job} title={title} now={now} />,
    family: () => <Family job={job} now={now} />,
  }
  return (
    <div className="split-page">
      <div className="page-head">
        <div>
          <nav className="crumbs" aria-label="Breadcrumb">
            <Link to={to.jobs}>Jobs</Link>
            {job.ancestors
              .filter((a) => a !== job._id)
              .map((a) => (
                <Link key={a} to={to.job(a)}>
                  <ParentName id={a} />
                </Link>
              ))}
          </nav>
          <h1>
            <Name of={job.name} />
          </h1>
          <p className="facts">
            <Badge look={jobLook(job)} />
            <span>{Math.round(job.metrics.progress * 100)} % done</span>
            <span title={moment(job.metrics.start_time, now)}>
              {job.metrics.end_time ? 'took' : 'for'} {span((job.metrics.end_time ?? now) - job.metrics.start_time)}
            </span>
            <span>started {moment(job.metrics.start_time, now)}</span>
            {(job.metrics.user as Account | null)?.username && <span>by {(job.metrics.user as Account).username}</span>}
            <Link to={to.workflow(job.name)}>workflow</Link>
          </p>
        </div>
        <div className="row">
          {acts.includes('pause') && (
            <Button icon="pause" onClick={() => setAct('pause')}>
              Pause
            </Button>
          )}
          {acts.includes('resume') && (
            <Button icon="play" tone="primary" onClick={() => setAct('resume')}>
              Resume
            </Button>
          )}
          {acts.includes('cancel') && (
            <Button icon="stop" tone="danger" onClick={() => setAct('cancel')}>
              Cancel
            </Button>
          )}
        </div>
      </div>
      <Problem error={run.error ?? stale} />
      <div className="split">
        <Canvas graph={graph} chosen={task} onChoose={(t) => goWith({ task: t })} label={`Canvas of the job ${job.name}`} />
        <aside className="side" aria-label={task ? `Task ${title(task)}` : 'The job'}>
          {task ? (
            <Inspector key={task} job={job} id={task} title={title} now={now} />
          ) : (
            <>
              <Tabs
                label="The job"
                at={tab in panels ? tab : 'overview'}
                onChange={(t) => goWith({ tab: t === 'overview' ? null : t }, true)}
                tabs={[
                  { key: 'overview', label: 'Overview', count: errors },
                  { key: 'variables', label: 'Variables' },
                  { key: 'history', label: 'History' },
                  { key: 'family', label: 'Jobs' },
                ]}
              />
              <div className="panel" role="tabpanel" aria-labelledby={`tab-${tab in panels ? tab : 'overview'}`}>
                {(panels[tab] ?? panels.overview!)()}
              </div>
            </>
          )}
        </aside>
      </div>
      {act && (
        <ActDialog
          act={act}
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

function ParentName({ id }: { id: string }) {
  const parent = useQuery({ queryKey: ['job', id], queryFn: () => jobs.get(id), staleTime: 10_000 })
  return <>{parent.data ? <Name of={parent.data.name} /> : 'Parent job'}</>
}
