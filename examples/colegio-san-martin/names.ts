/** Names as they are common in Chile; the school itself is made up. */
export const GIRLS =
  'Sofía,Emilia,Florencia,Antonella,Isidora,Josefa,Martina,Agustina,Catalina,Amanda,Trinidad,Maite,Renata,Valentina,Ángela,Begoña,Constanza,Ximena'.split(
    ',',
  );
export const BOYS =
  'Mateo,Agustín,Santiago,Tomás,Benjamín,Vicente,Matías,Joaquín,Martín,Íñigo,Lucas,Nicolás,Sebastián,Ángel,Cristóbal,Andrés,Gaspar,Simón'.split(
    ',',
  );
export const SURNAMES =
  'González,Muñoz,Rojas,Díaz,Pérez,Soto,Contreras,Silva,Martínez,Sepúlveda,Morales,Rodríguez,López,Fuentes,Hernández,Torres,Araya,Flores,Espinoza,Valenzuela,Castillo,Ramírez,Reyes,Gutiérrez,Castro,Vargas,Álvarez,Vásquez,Tapia,Fernández,Sánchez,Núñez,Peña,Ibáñez,Ñancupil,Zúñiga,Yáñez,Güell'.split(
    ',',
  );
export const SUBJECTS = [
  'Lenguaje y Comunicación',
  'Matemática',
  'Historia y Geografía',
  'Ciencias Naturales',
];
export const LEVELS = [
  '1º Básico',
  '2º Básico',
  '3º Básico',
  '4º Básico',
  '5º Básico',
  '6º Básico',
  '7º Básico',
  '8º Básico',
  '1º Medio',
  '2º Medio',
  '3º Medio',
  '4º Medio',
];
