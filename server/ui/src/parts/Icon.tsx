import type { IconName } from '../model/status'

const paths: Record<IconName | ExtraName, string> = {
  play: 'M7 4.5v11l9-5.5z',
  pause: 'M6 4.5h3v11H6zM11 4.5h3v11h-3z',
  check: 'm4 10.5 4 4 8-9',
  cross: 'm5 5 10 10M15 5 5 15',
  alert: 'M10 3 18 17H2zM10 8v4.5M10 14.6v.2',
  stop: 'M5 5h10v10H5z',
  dash: 'M5 10h10',
  person: 'M10 10a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4M3.5 17c.6-3.4 3.2-5 6.5-5s5.9 1.6 6.5 5',
  shield: 'M10 2.5 16.5 5v5c0 4-2.8 6.5-6.5 7.8C6.3 16.5 3.5 14 3.5 10V5z',
  retry: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  start: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M8.5 7.2v5.6l4.5-2.8z',
  flag: 'M5 17V3.5h9l-2 3.5 2 3.5H5',
  skip: 'M4 5v10l7-5zM14.5 5v10',
  branch: 'M6 3v8a4 4 0 0 0 4 4h5M12.5 12l3 3-3 3',
  close: 'm5 5 10 10M15 5 5 15',
  search: 'M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12m4.3-1.7L17 17',
  left: 'm12 4-6 6 6 6',
  right: 'm8 4 6 6-6 6',
  jobs: 'M3 5h14M3 10h14M3 15h9',
  flow: 'M3 3h5v4H3zM12 8h5v4h-5zM3 13h5v4H3zM8 5h2.5v10H8M10.5 10H12',
  moon: 'M16 11.5A6.5 6.5 0 0 1 8.5 4 6.5 6.5 0 1 0 16 11.5',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M16 4l-1.4 1.4M5.4 14.6 4 16',
  upload: 'M10 13V3.5M6 7l4-4 4 4M3.5 13v3.5h13V13',
  download: 'M10 3.5V13M6 9l4 4 4-4M3.5 13v3.5h13V13',
  exit: 'M8 3.5H3.5v13H8M12 6l4 4-4 4M16 10H7',
  plug: 'M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0zM10 15v3',
  cube: 'M10 2.5 16.5 6v8L10 17.5 3.5 14V6zM3.5 6 10 9.5 16.5 6M10 9.5v8',
  link: 'M8.5 11.5a3.5 3.5 0 0 0 5 0l2.5-2.5a3.5 3.5 0 0 0-5-5L9.8 5.2M11.5 8.5a3.5 3.5 0 0 0-5 0L4 11a3.5 3.5 0 0 0 5 5l1.2-1.2',
}

type ExtraName = 'close' | 'search' | 'left' | 'right' | 'jobs' | 'flow' | 'moon' | 'sun' | 'upload' | 'download' | 'exit' | 'plug' | 'cube' | 'link'

/** Icon is decoration: a word stands beside it or names its button. */
export function Icon({ name, size = 16 }: { name: IconName | ExtraName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}
