// The answers of the server, for the type checker alone: no page loads this file. Names, fields and types are those of the
// OpenAPI under /api, and a test compares them; times are ISO 8601 texts. The data that pages come with stands last.

export type TaskType = "train" | "inference" | "deploy";
export type TaskStatus = "queued" | "consumed" | "started" | "deployed" | "terminating" | "finished" | "error" | "stopped";
export type CheckpointState = "snapshot" | "published" | "failed";
export type StudyState = "running" | "finished" | "stopped";
export type EvaluationStatus = "queued" | "running" | "done" | "error";
export type TrialState = "running" | "complete" | "pruned" | "failed";

export interface Ref {
  id: number;
  name: string;
}

export interface Page<T> {
  items: T[];
  next: number | null;
}

export interface Progress {
  subtask: string;
  current: number;
  total: number;
  current_label: string | null;
  total_label: string | null;
}

export interface LastMetric {
  kind: string;
  name: string;
  value: number | null;
}

export interface Pace {
  unit: "epoch" | "step";
  bar: string | null;
  done: number;
  total: number | null;
  seconds_per_unit: number;
  ends_at: string | null;
  valid_until: string;
}

export interface TaskCard {
  id: number;
  type: TaskType;
  status: TaskStatus;
  name: string;
  plugin: Ref;
  project: Ref | null;
  model: Ref;
  step: string;
  engine: string | null;
  stop_requested: boolean;
  node: string | null;
  attempt: number;
  waits_for: string | null;
  job: string | null;
  reason: string | null;
  message: string | null;
  exit_code: number | null;
  lines_read: number;
  result_project_id: number | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  tags: string[];
  archived_at: string | null;
  deleted_at: string | null;
  progress: Progress | null;
  metrics: LastMetric[];
  metrics_count: number;
  pace: Pace | null;
}

export interface TaskList extends Page<TaskCard> {
  total: number;
  counts: Record<string, number>;
  archived: number;
}

export interface Options {
  engine: string;
  gpus: string;
  pull: string;
  writable_data: boolean;
  stop_grace_s: number;
  memory_bytes: number | null;
  hardened: boolean;
  time_limit_s: number | null;
  idle_limit_s: number | null;
  env: Record<string, string>;
  on: Record<string, string>;
  restarts: number;
  evaluate: boolean;
}

export interface Placement {
  number: number;
  cluster: string;
  job: string | null;
  state: "placing" | "waiting" | "running" | "ended";
  why: string | null;
  node: string | null;
  submitted_at: string;
  started_at: string | null;
  ended_at: string | null;
  how: string | null;
}

export interface TaskDetail extends TaskCard {
  notes: string;
  placements: Placement[];
  config: Record<string, unknown>;
  options: Options;
  container_spec: Record<string, unknown> | null;
}

export interface Event {
  seq: number;
  time: string;
  stream: "agent" | "stdout" | "stderr";
  level: string;
  message: string;
  event_type: string | null;
  body: Record<string, unknown> | null;
  fields: Record<string, unknown> | null;
  parse_error: string | null;
  near_miss: NearMiss | null;
}

export interface NearMiss {
  kind: string;
  nearly: string;
  change: string;
}

export interface NearMissKind extends NearMiss {
  count: number;
  first_seq: number;
}

export interface Difference {
  code: string;
  level: "breaks" | "differs";
  where: string;
  here: string;
  there: string;
  remedy: string;
  evidence: string;
  count: number;
}

export interface Portability {
  differences: Difference[];
  lines_read: number;
  lines: number;
  is_code_read: boolean;
  files_left_out: number;
}

export interface NearMissList {
  items: NearMissKind[];
}

export interface LineCount {
  count: number;
  all: number;
}

export interface Series {
  id: number;
  kind: string;
  name: string;
}

export interface SeriesList {
  items: Series[];
}

export interface ChartSeries {
  id: number;
  kind: string;
  name: string;
  count: number;
  in_window: number;
  shown: number;
  gaps: number;
  last_seq: number;
  x: number[];
  y: (number | null)[];
  low: (number | null)[] | null;
  high: (number | null)[] | null;
  smooth: (number | null)[] | null;
  numbers: number;
  smooth_last: number | null;
}

export interface ChartData {
  series: ChartSeries[];
}

export interface UsageSeries {
  name: string;
  count: number;
  shown: number;
  x: number[];
  y: (number | null)[];
  low: (number | null)[] | null;
  high: (number | null)[] | null;
  peak: number;
}

export interface UsageData {
  series: UsageSeries[];
  of_shared_gpus: boolean;
}

export interface RunValues {
  columns: RunColumn[];
  rows: Run[];
  unknown: number[];
}

export interface ComparedRun {
  id: number;
  name: string;
  status: TaskStatus;
  started_at: string | null;
}

export interface ComparedMetric {
  kind: string;
  name: string;
  runs: number;
}

export interface ConfigValues {
  key: string;
  title: string;
  values: any[];
  which: (number | null)[];
}

export interface RunComparison {
  runs: ComparedRun[];
  unknown: number[];
  metrics: ComparedMetric[];
  different: ConfigValues[];
  equal: ConfigValues[];
  keys_count: number;
}

export interface RunCurve {
  run: number;
  series: ChartSeries;
}

export interface RunCurves {
  curves: RunCurve[];
}

export interface RunBand {
  key: any[];
  runs: number[];
  kind: string;
  x: number[];
  mean: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  count: number[];
}

export interface RunBands {
  bands: RunBand[];
}

export interface Checkpoint {
  id: number;
  index: number;
  is_best: boolean;
  optional: Record<string, unknown> | null;
  state: CheckpointState;
  reason: string | null;
  model_id: number | null;
  size_bytes: number;
  download: string | null;
}

export interface Provenance {
  task_id: number | null;
  checkpoint_index: number | null;
  is_best: boolean | null;
  optional: Record<string, unknown> | null;
  plugin_image: string | null;
  train_config: Record<string, unknown> | null;
}

export interface Model {
  id: number;
  name: string;
  size_bytes: number;
  config: Record<string, unknown> | null;
  only_train: boolean;
  provenance: Provenance;
  pinned: boolean;
  deleted_at: string | null;
  tags: string[];
  notes: string;
  download: string;
  created_at: string;
}

export interface ModelList extends Page<Model> {
  total: number;
  counts: Record<string, number>;
  best: number[];
}

export interface ModelFile {
  name: string;
  size_bytes: number;
}

export interface ModelFiles {
  items: ModelFile[];
  count: number;
  size_bytes: number;
}

export interface LineageModel {
  id: number;
  name: string;
  checkpoint_index: number | null;
  is_best: boolean | null;
  task_id: number | null;
}

export interface LineageTask {
  task: TaskCard;
  models: LineageModel[];
  models_count: number;
}

export interface Lineage {
  ancestors: LineageModel[];
  made_by: TaskCard | null;
  used_by: LineageTask[];
  used_by_count: number;
}

export interface ClassRef {
  title: string;
  shape: string;
  color: string;
}

export interface Project {
  id: number;
  name: string;
  images_count: number;
  size_bytes: number;
  task_id: number | null;
  tags: string[];
  notes: string;
  created_at: string;
}

export interface ServingTask {
  id: number;
  status: TaskStatus;
  is_ready: boolean;
  waiting: number;
  running: number;
  agent: string | null;
  created_at: string;
}

export interface Deployed {
  tasks: ServingTask[];
}

export interface Times {
  queue_s: number;
  transfer_s: number;
  model_s: number;
  total_s: number;
}

export interface Inferred {
  annotation: Record<string, unknown>;
  meta: Record<string, unknown>;
  task: number;
  width: number;
  height: number;
  times: Times;
}

export interface OutputMeta {
  meta: Record<string, unknown>;
}

export interface Kept {
  project: number;
  image: number;
}

export interface ProjectDetail extends Project {
  meta: Record<string, unknown>;
}

export interface ProjectCard extends Project {
  datasets_count: number;
  classes: ClassRef[];
  cover: string[];
  source: Ref | null;
}

export interface ProjectCardList extends Page<ProjectCard> {
  total: number;
  counts: Record<string, number>;
  images_count: number;
}

export interface Dataset {
  id: number;
  name: string;
  images_count: number;
}

export interface Image {
  id: number;
  dataset: Ref;
  name: string;
  width: number;
  height: number;
  size_bytes: number;
  mime: string;
  objects: number | null;
  file: string;
  picture: string;
  thumbnail: string;
  created_at: string;
}

export interface ImageList extends Page<Image> {
  total: number;
}

export interface TaskImage {
  id: number;
  name: string;
  step: number | null;
  caption: string | null;
  width: number;
  height: number;
  size_bytes: number;
  file: string;
  picture: string;
  thumbnail: string;
}

export interface TaskImageList extends Page<TaskImage> {
  total: number;
}

export interface ImageName {
  name: string;
  count: number;
}

export interface TaskImageNames {
  names: ImageName[];
  steps: number[];
  without_step: number;
  total: number;
}

export interface ImagePlace {
  position: number | null;
  total: number;
  previous: number | null;
  next: number | null;
}

export interface ImageDetail extends Image {
  place: ImagePlace;
}

export interface ClassCount {
  title: string;
  shape: string;
  color: string;
  objects: number;
  images: number;
  area_share: number;
}

export interface TagCount {
  name: string;
  value_type: string;
  color: string;
  images: number;
  objects: number;
}

export interface Statistics {
  images: number;
  labeled_images: number;
  objects: number;
  broken: number;
  classes: ClassCount[];
  tags: TagCount[];
}

export interface SizedClass {
  title: string;
  shape: string;
  color: string;
  objects: number;
  images: number;
  sizes: number[];
}

export interface Together {
  titles: string[];
  images: number[][];
  left_out: number;
}

export interface Places {
  title: string | null;
  objects: number[][];
}

export interface Frame {
  width: number;
  height: number;
  images: number;
}

export interface Finding {
  kind: "broken" | "empty" | "tiny" | "outside" | "beyond" | "twice" | "unreadable" | "unlabeled" | "resized" | "both";
  name: string;
  meaning: string;
  objects: number | null;
  images: number;
  examples: number[];
}

export interface LoneClass {
  title: string;
  image_id: number;
  objects: number;
}

export interface Splits {
  train: number;
  val: number;
  both: number;
  neither: number;
}

export interface Insights {
  images: number;
  objects: number;
  borders: number[];
  classes: SizedClass[];
  together: Together;
  places: Places;
  frames: Frame[];
  frames_count: number;
  findings: Finding[];
  lone_classes: LoneClass[];
  unused_classes: string[];
  splits: Splits;
}

export interface NearImage {
  id: number;
  dataset_id: number;
  name: string;
  splits: string[];
}

export interface NearPair {
  images: NearImage[];
  bits: number;
  is_across: boolean;
  is_same_file: boolean;
}

export interface NearList extends Page<NearPair> {
  total: number;
  across: number;
  near: number;
  leaks: number;
  compared: number;
  unreadable: number;
  missing: number;
  is_complete: boolean;
  most_bits: number;
  most_levels: number;
}

export interface InsightsProgress {
  images: number;
  labels: number | null;
  pictures: number | null;
}

export interface Plugin {
  id: number;
  title: string;
  description: string;
  image: string;
  tag: string;
  modes: string[];
  configs: Record<string, unknown>[];
}

export interface PluginList {
  items: Plugin[];
  total: number;
  versions: Record<string, number>;
}

export interface Outcome {
  id: number;
  error: string | null;
  stayed: string[];
  models: number[];
  projects: number[];
}

export interface OutcomeList {
  items: Outcome[];
}

export interface Deletion {
  sentence: string;
}

export interface Weight {
  tasks: number;
  lines: number;
  folder_bytes: number;
  logged_images: number;
  logged_bytes: number;
  models: number;
  models_bytes: number;
  projects: number;
  images: number;
}

export interface TaskSpace {
  id: number;
  name: string;
  status: string;
  folder_bytes: number;
  models: number;
  models_bytes: number;
  logged_images: number;
  logged_bytes: number;
}

export interface ModelSpace {
  id: number;
  name: string;
  size_bytes: number;
  task_id: number | null;
  pinned: boolean;
}

export interface ProjectSpace {
  id: number;
  name: string;
  images_count: number;
  size_bytes: number;
}

export interface TrashSpace {
  noun: "task" | "model" | "project" | "plugin";
  id: number;
  name: string;
  size_bytes: number;
  until: string;
}

export interface ImageSpace {
  name: string;
  size_bytes: number;
}

export interface ImagesSeen {
  seen_at: string;
  items: ImageSpace[];
}

export interface HalfMadeSpace {
  what: string;
  size_bytes: number;
  since: string;
  is_left: boolean;
}

export interface Space {
  disk_total_bytes: number;
  disk_free_bytes: number;
  store_bytes: number | null;
  blobs_bytes: number;
  unnamed_bytes: number;
  folders_bytes: number;
  half_made: HalfMadeSpace[];
  tasks_count: number;
  models_count: number;
  projects_count: number;
  tasks: TaskSpace[];
  models: ModelSpace[];
  projects: ProjectSpace[];
  trash: TrashSpace[];
  images: ImagesSeen | null;
}

export interface Problem {
  file?: string;
  place?: string;
  sentence?: string;
  remedy?: string;
}

export interface Trial {
  number: number;
  state: TrialState;
  params: Record<string, unknown>;
  value: number | null;
  step: number | null;
  sentence: string;
  task_id: number | null;
  is_task_deleted: boolean;
  task_status: TaskStatus | null;
  started_at: string | null;
  finished_at: string | null;
}

export interface StudyCard {
  id: number;
  name: string;
  state: StudyState;
  is_interrupted: boolean;
  metric: string | null;
  direction: string | null;
  sampler: string;
  pruner: string;
  trials_wanted: number;
  counts: Record<string, number>;
  best: Trial | null;
  created_at: string;
}

export interface StudyList extends Page<StudyCard> {}

export interface Used {
  id: number;
  name: string | null;
  is_deleted: boolean;
}

export interface Study extends StudyCard {
  plugin: Used;
  project: Used;
  model: Used;
  jobs: number;
  seed: number;
  space: Record<string, unknown>;
  importance: Record<string, number> | null;
  no_importance: string | null;
  trials: Trial[];
}

export interface JudgedModel extends Used {
  task_id: number | null;
  checkpoint_index: number | null;
  is_best: boolean | null;
}

export interface EvaluationCard {
  id: number;
  status: EvaluationStatus;
  reason: string | null;
  truth: Used;
  predictions: Used;
  task_id: number | null;
  model: JudgedModel | null;
  images_total: number;
  images_done: number;
  headline: Record<string, Record<string, number | boolean | null>>;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface EvaluationList extends Page<EvaluationCard> {}

export interface JudgedClass {
  title: string;
  kind: string;
  color: string | null;
  truth: string[];
  predicted: string[];
}

export interface SliceName {
  name: string;
  images: number;
}

export interface Evaluation extends EvaluationCard {
  asked: Record<string, unknown>;
  is_outdated: boolean;
  classes: JudgedClass[];
  judged_tags: string[];
  neutral: string[];
  remarks: string[];
  figures: Record<string, unknown> | null;
  datasets: SliceName[];
  tags: SliceName[];
}

export interface EvaluationFigures {
  images: number;
  confidence: number | null;
  iou: number;
  figures: Record<string, unknown>;
}

export interface JudgedImage {
  number: number;
  dataset: string;
  name: string;
  truth_image_id: number | null;
  predicted_image_id: number | null;
  width: number;
  height: number;
}

export interface RankedImage extends JudgedImage {
  value: number | null;
  other: number | null;
  problems: string[];
}

export interface RankedImageList {
  by: string;
  items: RankedImage[];
  total: number;
}

export interface JudgedObject extends JudgedImage {
  kind: string;
  error: string | null;
  truth: number | null;
  predicted: number | null;
  truth_class: string | null;
  predicted_class: string | null;
  overlap: number | null;
  distance: number | null;
  confidence: number | null;
  area: number;
}

export interface JudgedObjectList {
  items: JudgedObject[];
  total: number;
}

export interface FoundImage {
  number: number;
}

export interface JudgedCheckpoint {
  checkpoint_index: number;
  epoch: number | null;
  is_best: boolean;
  own: Record<string, number>;
  model: Used | null;
  task_id: number | null;
  task_status: TaskStatus | null;
  evaluation: EvaluationCard | null;
}

export interface JudgedCheckpoints {
  project: Used;
  items: JudgedCheckpoint[];
}

export interface RunColumn {
  key: string;
  title: string;
  kind: "number" | "text" | "time" | "duration" | "size" | "status" | "reference" | "bool" | "mixed";
}

export interface Run {
  id: number;
  cells: any[];
}

export interface RunTable {
  columns: RunColumn[];
  rows: Run[];
  total: number;
  counts: Record<string, number>;
}

export interface Summary {
  count: number;
  mean: number | null;
  std: number | null;
  min: number | null;
  max: number | null;
}

export interface RunGroup {
  key: any[];
  count: number;
  summaries: Summary[];
  where: string | null;
}

export interface RunGroups {
  by: RunColumn[];
  columns: RunColumn[];
  groups: RunGroup[];
  total: number;
  runs: number;
  counts: Record<string, number>;
}

export interface ConfigColumn {
  key: string;
  title: string;
  tasks: number;
  kinds: Record<string, number>;
  differs: boolean;
}

export interface MetricColumn {
  key: string;
  kind: string;
  name: string;
  tasks: number;
}

export interface RunColumns {
  fields: RunColumn[];
  config: ConfigColumn[];
  config_count: number;
  metrics: MetricColumn[];
  metrics_count: number;
}

// ---------------------------------------------------------------- messages of event streams

/** Points of one series in one batch of lines; the arrays are equally long. */
export interface NewPoints {
  series: number;
  seq: number[];
  epoch: (number | null)[];
  value: (number | null)[];
  time_us: number[];
}

export interface TaskBatch {
  events: Event[];
  points: NewPoints[];
}

export interface TaskState {
  task: TaskCard;
  progress: Progress[];
  progress_count: number;
  checkpoints: Checkpoint[];
  series: Series[];
  last_image: number | null;
}

// ---------------------------------------------------------------- data that pages come with

/** `answer` is that of an address without a query. */
export interface TasksPage {
  answer: TaskList;
  limit: number;
}

export interface TaskPage extends TaskState {
  task: TaskDetail;
  last_seq: number;
}

export interface ModelsPage {
  answer: ModelList;
  limit: number;
}

export interface PluginsPage {
  answer: PluginList;
  limit: number;
}

export interface ModelPage {
  model: Model;
  lineage: Lineage;
}

export interface ProjectsPage {
  answer: ProjectCardList;
  limit: number;
}

/** A project whose labels can be compared with those of the page's project. */
export interface OtherProject extends Ref {
  role: "truth" | "predictions" | "sibling";
  /** behind the titles of predicted classes; null where nothing says so */
  suffix: string | null;
}

export interface ProjectPage {
  project: ProjectCard & ProjectDetail;
  suffix: string | null;
  others: OtherProject[];
  datasets: Dataset[];
  words: InsightsWords;
}

export interface InsightsWords {
  names: Record<string, string>;
  borders: number[];
}

export interface ImagePage {
  project: ProjectCard & ProjectDetail;
  suffix: string | null;
  others: OtherProject[];
  image_id: number;
}

export interface Preset {
  title: string;
  type: string;
  text: string;
}

/** What the forms of a plugin's configs are made from; the schemas by kind of task. */
export interface ConfigForms {
  presets: Preset[];
  schemas: Record<string, import("./pure/config_schema.js").Schema>;
}

export interface PluginChoice extends Ref {
  reference: string;
  modes: string[];
}

/** The first items to choose from, and the number of all. */
export interface Choices<T> {
  items: T[];
  total: number;
}

export interface ProjectChoice extends Ref {
  images_count: number;
  task_id: number | null;
  created_at: string;
}

export interface ModelChoice extends Ref {
  only_train: boolean;
  task_id: number | null;
  checkpoint_index: number | null;
  is_best: boolean;
  size_bytes: number;
}

export interface TaskDraft {
  type: TaskType;
  name: string | null;
  config: string | null;
  options: Options | null;
  task: number | null;
}

export interface NewStudyPage {
  plugins: Choices<PluginChoice>;
  projects: Choices<ProjectChoice>;
  models: Choices<ModelChoice>;
  chosen: { plugin: PluginChoice | null; project: ProjectChoice | null; model: ModelChoice | null };
  forms: Record<number, ConfigForms>;
  choices: number;
  agents: number;
}

export interface NewTaskPage extends NewStudyPage {
  draft: TaskDraft;
  notes: string[];
  defaults: Pick<Options, "engine" | "gpus" | "pull" | "hardened">;
}

export interface TryItPage {
  model: Ref & { only_train: boolean };
  others: Ref[];
  gpus: number | null;
}
