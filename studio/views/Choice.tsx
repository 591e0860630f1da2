/** One of a few, as a row of radio buttons. */

interface ChoiceProps<T extends string | number> {
  readonly legend: string;
  readonly name: string;
  readonly choices: readonly (readonly [T, string])[];
  readonly value: T;
  readonly disabled: boolean;
  readonly onChoose: (value: T) => void;
}

export function Choice<T extends string | number>(props: ChoiceProps<T>) {
  const { legend, name, choices, value, disabled, onChoose } = props;
  return (
    <fieldset class="seg" disabled={disabled}>
      <legend>{legend}</legend>
      <div>
        {choices.map(([each, words]) => (
          <label key={each}>
            <input type="radio" name={name} checked={each === value} onChange={() => onChoose(each)} />
            <span>{words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
