import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { jobs } from '../../api/heddle'
import type { Job } from '../../api/types'
import { tell } from '../../model/event'
import { isFinal } from '../../model/status'
import { moment } from '../../model/time'
import { Icon } from '../../parts/Icon'
import { Button, Problem } from '../../parts/parts'
import { goWith } from '../../router'

const step = 100

/** History tells what the job took in, the newest first. */
export function History({ job, title, now }: { job: Job; title: (task: string) => string; now: number }) {
  const [shown, setShown] = useState(step)
  const feed = useQuery({
    queryKey: ['job', job._id, 'history', shown],
    queryFn: async () => {
      const { total } = await jobs.history(job._id, 0, 1)
      const skip = Math.max(0, total - shown)
      const page = await jobs.history(job._id, skip, Math.max(1, total - skip))
      return { total, skip, rows: page.rows.reverse() }
    },
    refetchInterval: isFinal(job) ? false : 1500,
    placeholderData: keepPreviousData,
  })
  return (
    <>
      <Problem error={feed.error} />
      <ol className="feed" reversed start={feed.data?.total}>
        {feed.data?.rows.map((e) => {
          const told = tell(e, title)
          return (
            <li key={e.seq}>
              <span className={`dot tone-${told.tone}`}>
                <Icon name={told.icon} size={12} />
              </span>
              <span>
                {e.task ? (
                  <button type="button" className="link plain" onClick={() => goWith({ task: e.task! })}>
                    {told.text}
                  </button>
                ) : (
                  told.text
                )}
              </span>
              <time className="quiet" dateTime={new Date(e.at).toISOString()}>
                {moment(e.at, now)}
              </time>
            </li>
          )
        })}
      </ol>
      {(feed.data?.skip ?? 0) > 0 && <Button onClick={() => setShown(shown + step)}>Show older events</Button>}
    </>
  )
}
