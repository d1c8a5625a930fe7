import { useQuery } from '@tanstack/react-query'
import { pretty } from '../../api/client'
import { jobs } from '../../api/heddle'
import type { Job, Record_ } from '../../api/types'
import { isFinal } from '../../model/status'
import { moment, span } from '../../model/time'
import { Icon } from '../../parts/Icon'
import { Notice } from '../../parts/parts'
import { goWith } from '../../router'

/** Overview says why the job has not ended, since when, and what would move it; then what went wrong. */
export function Overview({ job, title, now }: { job: Job; title: (task: string) => string; now: number }) {
  const final = isFinal(job)
  const why = useQuery({
    queryKey: ['job', job._id, 'explain'],
    queryFn: () => jobs.explain(job._id),
    refetchInterval: 1500,
    enabled: !final,
  })
  const errors = job.error ?? []
  return (
    <>
      {job.description && <p className="quiet">{job.description}</p>}
      {final ? (
        <Notice tone={job.status === 'complete' ? (job.warnings.length > 0 ? 'warn' : 'good') : 'warn'}>
          {job.status === 'complete'
            ? `The job is complete after ${span((job.metrics.end_time ?? now) - job.metrics.start_time)}${job.warnings.length > 0 ? ', with warnings' : ''}.`
            : 'The job was canceled.'}
        </Notice>
      ) : (
        <section>
          <h2>Why it has not ended</h2>
          {why.data?.reasons.length === 0 && <p className="quiet">It is on its way to the next task.</p>}
          <ul className="reasons">
            {why.data?.reasons.map((r, i) => (
              <li key={`${r.kind}${r.task ?? ''}${i}`}>
                <p>
                  {r.task && (
                    <button type="button" className="link" onClick={() => goWith({ task: r.task! })}>
                      {title(r.task)}
                    </button>
                  )}{' '}
                  {r.message}
                </p>
                <p className="quiet">
                  for {span(now - r.since)}
                  {r.until ? ` · until ${moment(r.until, now)}` : ''} · what helps: {r.unblock}
                </p>
              </li>
            ))}
          </ul>
        </section>
      )}
      <Records heading="Errors" list={errors} title={title} now={now} bad />
      <Records heading="Warnings" list={job.warnings} title={title} now={now} />
      <section className="hint">
        <Icon name="start" /> Choose a task on the canvas to see its inputs, its output and what can be done with it.
      </section>
    </>
  )
}

function Records({ heading, list, title, now, bad }: { heading: string; list: Record_[]; title: (task: string) => string; now: number; bad?: boolean }) {
  if (list.length === 0) return null
  return (
    <section>
      <h2>
        {heading} <span className="count">{list.length}</span>
      </h2>
      <ul className="records">
        {list.map((e, i) => (
          <li key={i} className={e.resolved ? 'resolved' : ''}>
            <p>
              <span className={bad && !e.resolved ? 'tone-bad' : 'tone-warn'}>
                <Icon name={e.resolved ? 'check' : bad ? 'cross' : 'alert'} size={13} />
              </span>{' '}
              {e.task === 'job' ? (
                <strong>The job</strong>
              ) : (
                <button type="button" className="link" onClick={() => goWith({ task: e.task })}>
                  {title(e.task)}
                </button>
              )}{' '}
              <span className="quiet">
                {moment(e.timestamp, now)}
                {e.resolved ? ' · resolved' : ''}
              </span>
            </p>
            <p className="message">{messageOf(e)}</p>
          </li>
        ))}
      </ul>
    </section>
  )
}

function messageOf(e: Record_): string {
  const m = e.message
  if (typeof m === 'object' && m !== null && !Array.isArray(m) && typeof m.message === 'string') return m.message
  return pretty(m)
}
