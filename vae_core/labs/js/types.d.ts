// What passes between Python, the host and the labs, for `deno check` alone: no browser is sent this file.

type Pen = import("./draw.mjs").Pen;
type Network = import("./nn.mjs").Network;
type Likelihood = import("./vae.mjs").Likelihood;
/** What pack.py's `in_numbers` says of one: its short name, or its class and fields. */
type LikelihoodName = string | { name: string; std: number; squash: boolean } | { name: string; scale: number };
type Cost = ReturnType<typeof import("./vae.mjs").costOf>;

// --- what travels: Lab.canvas.spec and one block of bytes (base.py, pack.py) ---

/** Where an array lies in the block, and its shape. */
interface Ref { dtype: string; shape: number[]; at: number; bytes: number }
type Numbers = Uint8Array | Int8Array | Uint16Array | Float32Array;
type Read = (ref: Ref) => Numbers;
/** While a part of the block is on its way (`enough`): null for what lies there. */
type ReadSome = (ref: Ref) => Numbers | null;

interface Slider { kind: "slider"; name: string; label: string; min: number; max: number; step: number; value: number; unit: string; play: number; folded?: boolean }
/** `value` is an index. */
interface Choice { kind: "choice"; name: string; label: string; options: string[]; value: number; resets?: string[]; slid?: boolean; folded?: boolean }
/** `value` counts the presses; after an odd one it is called `on`. What is not `kept` stands in no address. */
interface Press { kind: "press"; name: string; label: string; value: number; play: number; on?: string; kept?: boolean }
/** What only the canvas sets: no control. */
interface State { kind: "state"; name: string; value: unknown }
type Control = Slider | Choice | Press | State;

/** What the images are called: digits if not by a `noun`; `classes` is false where labels tell nothing. */
interface Named { noun?: string; classes?: boolean }
/** One thing to try: a sentence, where controls stand that are not where they began, and what to look at. */
interface Step { words: string; state: Values; watch: string[] }
interface Spec { controls: Control[]; bytes: number; caption: string; steps?: Step[]; legend?: [string, string][]; enough?: number }
/** Dense, or a transposed convolution of (inputs / (height · width)) channels; then weight, scale and bias go by channels of outputs. */
interface Layer { inputs: number; outputs: number; activation: string; weight: Ref; scale: Ref | null; bias: Ref | null; transposed?: Transposed }
interface Transposed { height: number; width: number; kernel: number; stride: number; padding: number; spare: number }

// --- a lab and its host ---

/** The methods of a Jupyter model that a lab uses. */
interface Model {
  get(name: "spec"): Spec;
  get(name: "data"): unknown;
  get(name: "fallback"): string;
  get(name: string): number;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

/** Where every control stands. */
type Values = Record<string, number>;
/** A number is shown with three digits that count; words of one's own as they are. */
interface Tile { name: string; value: string | number; note?: string; mark?: string }
interface Shown {
  summary: string; tiles?: Tile[]; handles?: Handle[]; spots?: Spot[]; pads?: Pad[]; regions?: Record<string, Box>;
  notes?: Note[]; data?: Record<string, number>; waiting?: boolean;
  ahead?: boolean; near?: Note[]; idle?: string[];
}
/** A line below the picture, of code or of words. */
interface Note { name: string; words: string; mark?: string; code?: boolean }
interface Lab {
  height(width: number): number;
  paint(pen: Pen, values: Values, width: number): Shown;
  begin?(whole: boolean): void;
  near?(values: Values): Note[];
  room?: Note[][];
  close?(): void;
}
/** What a lab that moves by itself may ask of its host: to be painted anew, to set values; where it stands, and whether Python listens. */
interface Host { redraw(): void; take(values: Record<string, unknown>): void; root?: HTMLElement; live?: boolean }
/** What can be dragged: where it is, and from where it is dragged to, the new values. */
interface Handle {
  x: number; y: number; axis: "x" | "xy"; move(x: number, y: number): Values;
  box?: Box; track?: Box; hint?: string; room?: number; colour?: string; quiet?: boolean; below?: boolean;
}
/** A place on the canvas that stands for an option of a Choice, and is pressed to choose it. */
interface Spot { box: Box; choice: string; index: number }
/** A place on the canvas to draw on: is told where a pointer is, whether a line begins there, and when the pen is lifted. */
interface Pad { box: Box; ink(x: number, y: number, begins: boolean): void; lift?(): void }
type Create<S = Spec, R = Read> = (spec: Spec & S, read: R, host?: Host) => Lab;

// --- drawing; colours are names of draw.mjs or CSS ---

interface Box { x: number; y: number; width: number; height: number }
interface TextStyle { size?: number; colour?: string; align?: CanvasTextAlign; weight?: number; halo?: boolean | number; base?: CanvasTextBaseline }
interface LineStyle { colour?: string; width?: number; dash?: number[] }
interface FillStyle { fill?: string; stroke?: string; line?: number; alpha?: number; radius?: number; dash?: number[] }
interface DigitStyle { side?: number; at?: number; pixel?: (value: number) => number; frame?: string | null; colours?: string[]; channels?: number; smooth?: boolean }
interface Axis {
  ticks: Iterable<number>;
  to: (tick: number) => number;
  words?: (tick: number) => string;
  rule?: (tick: number) => LineStyle;
  align?: (tick: number) => CanvasTextAlign;
}
