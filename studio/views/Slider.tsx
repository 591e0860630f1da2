/** A slider over whole numbers from 0, with its name. */
interface SliderProps {
  readonly name: string;
  readonly max: number;
  readonly value: number;
  readonly disabled?: boolean;
  readonly onSlide: (to: number) => void;
}

export const Slider = ({ name, max, value, disabled, onSlide }: SliderProps) => (
  <label>
    <span>{name}</span>
    <input
      type="range"
      min={0}
      max={max}
      value={value}
      disabled={disabled}
      onInput={(event) => onSlide(event.currentTarget.valueAsNumber)}
    />
  </label>
);
